"""Host bridges of a device tree whose drivers make no MSI domain of their own.

The list is closed. Each entry was read in the of_device_id table of its driver, in 5.10.262 and
6.1.176 (drivers/pci/controller). A bridge that is not listed may have a controller inside.
"""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.kernel.firmware.devicetree import Node

#: Bridges without a controller inside, whatever the tree says.
_PLAIN = frozenset(
    [
        # pci-host-generic.c
        "pci-host-ecam-generic", "pci-host-cam-generic", "marvell,armada8k-pcie-ecam",
        "socionext,synquacer-pcie-ecam", "snps,dw-pcie-ecam",
        # dwc/pcie-hisi.c, pci-thunder-ecam.c, pci-thunder-pem.c, pcie-rockchip-host.c
        "hisilicon,hip06-pcie-ecam", "hisilicon,hip07-pcie-ecam", "cavium,pci-host-thunder-ecam",
        "cavium,pci-host-thunder-pem", "rockchip,rk3399-pcie",
        # pci-xgene.c: X-Gene's controller has a node of its own, as iProc's (pcie-iproc-msi.c)
        "apm,xgene-pcie", "brcm,iproc-pcie", "brcm,iproc-pcie-paxb-v2", "brcm,iproc-pcie-paxc",
        "brcm,iproc-pcie-paxc-v2",
        # cadence/pcie-cadence-plat.c, cadence/pci-j721e.c
        "cdns,cdns-pcie-host", "ti,j721e-pcie-host", "ti,j7200-pcie-host", "ti,am64-pcie-host",
        # mobiveil/pcie-layerscape-gen4.c: its interrupt_init() leaves out Mobiveil's controller
        "fsl,lx2160a-pcie",
    ]
)  # fmt: skip
#: DesignWare bridges whose msi_host_init() in 5.10 makes no domain (pci-layerscape.c,
#: pci-keystone.c), and for which the core's rule holds from 6.1 on.
_DESIGNWARE = frozenset(
    [
        "fsl,ls1012a-pcie", "fsl,ls1021a-pcie", "fsl,ls1028a-pcie", "fsl,ls1043a-pcie",
        "fsl,ls1046a-pcie", "fsl,ls2080a-pcie", "fsl,ls2085a-pcie", "fsl,ls2088a-pcie",
        "fsl,ls1088a-pcie", "ti,am654-pcie-rc",
    ]
)  # fmt: skip
#: DesignWare bridges with the core's controller: in 5.10 always, from 6.1 on only without
#: msi-parent and msi-map (pcie-designware-host.c dw_pcie_host_init(), has_msi_ctrl).
_DESIGNWARE_CORE = frozenset(
    [
        "samsung,exynos5433-pcie", "fsl,imx8mq-pcie", "fsl,imx8mm-pcie", "fsl,imx8mp-pcie",
        "amlogic,axg-pcie", "amlogic,g12a-pcie", "amazon,al-alpine-v2-pcie",
        "amazon,al-alpine-v3-pcie", "marvell,armada8k-pcie", "snps,dw-pcie", "rockchip,rk3568-pcie",
        "hisilicon,hi3798cv200-pcie", "intel,keembay-pcie", "hisilicon,kirin960-pcie",
        "hisilicon,kirin970-pcie", "qcom,pcie-apq8084", "qcom,pcie-ipq6018", "qcom,pcie-ipq8074",
        "qcom,pcie-msm8996", "qcom,pcie-qcs404", "qcom,pcie-sa8540p", "qcom,pcie-sc7280",
        "qcom,pcie-sc8180x", "qcom,pcie-sc8280xp", "qcom,pcie-sdm845", "qcom,pcie-sm8150",
        "qcom,pcie-sm8250", "qcom,pcie-sm8450-pcie0", "qcom,pcie-sm8450-pcie1",
        "nvidia,tegra194-pcie", "nvidia,tegra234-pcie", "socionext,uniphier-pcie",
        "toshiba,visconti-pcie",
    ]
)  # fmt: skip
#: pci-keystone.c makes a domain in its msi_host_init(), and its node names snps,dw-pcie too.
_KEYSTONE = "ti,keystone-pcie"
#: pcie-brcmstb.c brcm_pcie_probe(): these make a domain only if msi-parent names the bridge itself.
_BRCMSTB = frozenset(
    [
        "brcm,bcm2711-pcie", "brcm,bcm7211-pcie", "brcm,bcm7278-pcie", "brcm,bcm7216-pcie",
        "brcm,bcm7445-pcie",
    ]
)  # fmt: skip


def makes_none(bridge: Node, version: Version | None) -> bool:
    """Whether the driver of a host bridge is known to make no MSI domain."""
    if not isinstance(bridge.compatible, Fact):
        return False
    kinds = set(bridge.compatible.value)
    if kinds & _PLAIN:
        return True
    configured = bridge.msi_parent is not None or bridge.msi_map is not None
    if kinds & _DESIGNWARE:
        return configured
    if kinds & _DESIGNWARE_CORE and _KEYSTONE not in kinds:
        return configured and borders.DESIGNWARE_ASKS.passed(version) is True
    return bool(kinds & _BRCMSTB) and not _names_itself(bridge)


def _names_itself(bridge: Node) -> bool:
    """Whether the first msi-parent may be the bridge."""
    parent, own = bridge.msi_parent, bridge.phandle
    if parent is None or own is None:
        return False
    if not (isinstance(parent, Fact) and isinstance(own, Fact)):
        return True
    first: tuple[int, ...] = parent.value[:1]
    return first == (own.value,)
