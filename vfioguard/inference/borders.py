"""Between which releases a change of the kernel lies: the one place where releases are compared.

Mainline has a change from one series on; stable series take some of them in a later sublevel.
Where it is not known whether a kernel has a change, both forms are tried, and they must agree.
First sublevels come from the announcements of stable releases and from sources that were read.
"""

from typing import NamedTuple


class Version(NamedTuple):
    """A release of kernel.org. `sublevel` is None where it is not known.

    `backports`: a vendor's kernel under that number has at least what the number has.
    """

    major: int
    minor: int
    sublevel: int | None = None
    backports: bool = False


class Taken(NamedTuple):
    """When a stable series took a change: the last sublevel without it, and the first with it.

    None where no such release was read.
    """

    series: tuple[int, int]
    last: int | None
    first: int | None


class Border(NamedTuple):
    """A change that every series has from `since` on, and some older ones from a sublevel on.

    `older`: whether an older series that is not named has it: False of what nobody takes back.
    `until`: the last series that was read and has it not, where nobody read those up to `since`.
    """

    since: tuple[int, int]
    older: bool | None = None
    taken: tuple[Taken, ...] = ()
    until: tuple[int, int] | None = None

    def passed(self, version: Version | None) -> bool | None:
        """Whether a kernel of this version has the change; None where that is not known."""
        if version is None:
            return None
        series, sublevel = version[:2], version.sublevel
        taken = next((one for one in self.taken if one.series == series), None)
        if taken is None:
            if series >= self.since:
                return True
            read = self.until is not None and series <= self.until
            return None if version.backports else False if read else self.older
        if sublevel is None:
            return None
        if taken.first is not None and sublevel >= taken.first:
            return True
        without = taken.last is not None and sublevel <= taken.last
        return False if without and not version.backports else None


#: kernel/irq/irqdomain.c irq_domain_check_msi_remap(): v4.11 to v6.2.
CHECK_MSI_REMAP = Border((4, 11), older=False)
#: kernel/irq/msi.c msi_device_has_isolated_msi(); from here on x86's domains have the flag.
ISOLATED_MSI = Border((6, 3), older=False)
#: kernel/irq/msi.c msi_create_device_irq_domain(): a PCI function of x86 has an MSI domain of its
#: own, from its first MSI on.
X86_OWN_DOMAINS = Border((6, 2), older=False)
#: drivers/vfio/vfio_iommu_type1.c: from `resv_msi ? domains : capability` to
#: `domains || capability`.
DOMAINS_OR_CAPABILITY = Border((4, 14), older=False)
#: drivers/iommu/iommufd/
IOMMUFD = Border((6, 2), older=False)
#: drivers/iommu/amd_iommu.c reports IOMMU_CAP_INTR_REMAP in v4.9 and does not in v3.6; nobody read
#: between.
AMD_CAPABILITY = Border((4, 9))
#: drivers/iommu/arm-smmu*.c: up to here IOMMU_CAP_INTR_REMAP is a constant.
SMMU_CLAIMS_NOTHING = Border((4, 11), older=False)
#: VFIO binds no device whose IOMMU does not keep caches coherent: Linux commit e8ae0e140c05 ("vfio:
#: Require that devices support DMA cache coherence") (in v5.19).
COHERENCY_ASKED = Border((5, 19), older=False)
#: What the drivers in drivers/iommu/ report of it was read from here on.
COHERENCY_READ = Border((6, 1), older=False)
#: Linux commit bcb81ac6ae3c ("iommu: Get DT/ACPI parsing into the proper probe path") (in v6.15).
GROUP_AT_DEVICE_ADD = Border((6, 15), older=False)
#: arm_smmu_insert_master(): Linux commit cdf315f907d4 ("iommu/arm-smmu-v3: Maintain a SID->device
#: structure") (in v5.13).
SMMU_V3_ID_OF_ONE_FUNCTION = Border((5, 13), older=False)

#: drivers/of/irq.c of_msi_get_domain(): a host bridge's msi-parent may have cells, and name several
#: controllers. "of/irq: Support #msi-cells=<0> in of_msi_get_domain" (in v6.12).
MSI_PARENT_CELLS = Border(
    (6, 12),
    taken=(
        Taken((4, 19), 322, 323),
        Taken((5, 4), 284, 285),
        Taken((5, 10), 226, 227),
        Taken((5, 15), 167, 168),
        Taken((6, 1), 112, 113),
        Taken((6, 6), 54, 55),
        Taken((6, 11), 2, 3),
    ),
)
#: drivers/of/base.c of_map_id(): the cells of a map's outputs and phandles before the match count,
#: and no range wraps (of_map.py).
OF_MAP_CELLS = Border((7, 2), until=(6, 12))
#: drivers/bus/fsl-mc/fsl-mc-bus.c fsl_mc_device_add(): no DPRC hands its MSI domain on.
FSL_MC_DPRC_ALONE = Border((7, 2), until=(6, 12))
#: drivers/cdx/cdx.c cdx_device_add(): a device has an MSI domain. Nobody read before.
CDX_DOMAIN = Border((6, 12))
#: drivers/pci/controller/dwc/pcie-designware-host.c dw_pcie_host_init(): with msi-map or msi-parent
#: no controller of its own (has_msi_ctrl). Not so in 5.10; nobody read between.
DESIGNWARE_ASKS = Border((6, 1))

#: drivers/iommu/amd/init.c check_ioapic_information(): the southbridge's IO-APIC is the one of GSI
#: 0, and what the IVRS leaves out is never forgotten.
AMD_OWNER_OF_GSI_0 = Border(
    (7, 3),
    taken=(
        Taken((5, 10), 262, None),
        Taken((6, 1), 176, 192),
        Taken((6, 12), 107, 111),
        Taken((7, 2), None, 13),
    ),
)
#: The same, check_sb_ioapic(): it is known by the class of its function, not by its place.
AMD_SOUTHBRIDGE_BY_CLASS = Border(
    (7, 4),
    taken=(
        Taken((5, 10), 262, None),
        Taken((6, 1), 192, None),
        Taken((6, 12), 118, None),
        Taken((7, 2), 13, None),
        Taken((7, 3), None, 4),
    ),
)
#: drivers/iommu/amd/quirks.c; in v5.5, and whether in stable kernels nobody read.
AMD_QUIRKS = Border((5, 5))
#: drivers/iommu/amd/init.c parse_ivrs_ioapic(): "[ID]=SEGMENT:BUS:DEV.FN", Linux commit
#: bbe3a106580c ("iommu/amd: Add PCI segment support for ivrs_[ioapic/hpet/acpihid] commands") (in
#: v6.0).
IVRS_SEGMENT = Border(
    (6, 0),
    taken=(Taken((5, 4), 236, 237), Taken((5, 10), 163, 164), Taken((5, 15), 102, 103)),
)
#: The same: "=ID@SEGMENT:BUS:DEV.FN", Linux commit 1198d2316dc4 ("iommu/amd: Fix ill-formed
#: ivrs_ioapic, ivrs_hpet and ivrs_acpihid options") (in v6.2).
IVRS_AT = Border(
    (6, 2),
    taken=(*IVRS_SEGMENT.taken, Taken((6, 1), 3, 4)),
)
