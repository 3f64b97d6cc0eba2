"""The releases between which changes of the kernel lie; only this module compares releases.

Mainline has a change from one series on; stable series take some changes in a later sublevel.
If it is not known whether a kernel has a change, both forms are tried, and they must agree.
First sublevels come from the announcements of stable releases and from source that was read.
"""

from __future__ import annotations

from vfioguard.typed import NamedTuple


class Version(NamedTuple):
    """A release of kernel.org. `sublevel` is None if it is not known.

    `backports` marks a vendor's kernel, which has at least the changes of this release.
    """

    major: int
    minor: int
    sublevel: int | None = None
    backports: bool = False

    @property
    def series(self) -> tuple[int, int]:
        """The release without its sublevel: (6, 12)."""
        return self.major, self.minor


class Taken:
    """When a stable series took a change: the last sublevel without it, and the first with it.

    `last` or `first` is None if no such release was read. Neither this class nor `Border` is a
    NamedTuple: its definition takes four times as long, and two cost `check` 0.6 %.
    """

    def __init__(self, series: tuple[int, int], last: int | None, first: int | None) -> None:
        self.series = series
        self.last = last
        self.first = first


class Border:
    """A change that every series has from `since` on, and some older ones from a sublevel on.

    `older` says whether older series that `taken` does not name have it: False if nobody carries
    such a change back, None if that is not known. `until` is the last series that was read and
    lacks the change, if nobody read the series between it and `since`.
    """

    def __init__(
        self,
        since: tuple[int, int],
        *,
        older: bool | None = None,
        taken: tuple[Taken, ...] = (),
        until: tuple[int, int] | None = None,
    ) -> None:
        self.since = since
        self.older = older
        self.taken = taken
        self.until = until

    def passed(self, version: Version | None) -> bool | None:
        """Whether a kernel of this version has the change; None if that is not known."""
        if version is None:
            return None
        series, sublevel = version.series, version.sublevel
        taken = next((entry for entry in self.taken if entry.series == series), None)
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
#: drivers/iommu/amd_iommu.c reports IOMMU_CAP_INTR_REMAP in v4.9 but not in v3.6; nobody read the
#: series between.
AMD_CAPABILITY = Border((4, 9))
#: drivers/iommu/arm-smmu*.c: before this series IOMMU_CAP_INTR_REMAP is a constant.
SMMU_CLAIMS_NOTHING = Border((4, 11), older=False)
#: VFIO binds no device whose IOMMU does not keep caches coherent: Linux commit e8ae0e140c05 ("vfio:
#: Require that devices support DMA cache coherence") (in v5.19).
COHERENCY_ASKED = Border((5, 19), older=False)
#: The errno of a probe reaches the writer of `bind`, before it is ENODEV: Linux commit ef6dcbdd8eb2
#: ("driver core: Flow the return code from ->probe() through to sysfs bind") (in v5.14).
BIND_ERRNO = Border((5, 14), older=False)
#: A group is claimed when it joins a container, and drivers say who may stay beside VFIO: Linux
#: commit 70693f470848 ("vfio: Set DMA ownership for VFIO devices") (in v5.19).
DMA_OWNERSHIP = Border((5, 19), older=False)
#: No device leaves the domain that maps its reserved memory one to one: Linux commit a48ce36e2786
#: ("iommu: Prevent RESV_DIRECT devices from blocking domains") (in v6.6).
REQUIRE_DIRECT = Border((6, 6), older=False)
#: drivers/iommu/iommu.c iommu_group_resv_type_string: `reserved_regions` tells memory apart that
#: Linux gives up, "direct-relaxable".
RELAXABLE_LISTED = Border((5, 3), older=False)
#: drivers/vfio/device_cdev.c: a device node of its own for each device, beside that of its group.
DEVICE_CDEV = Border((6, 6), older=False)
#: drivers/iommu/iommufd/device.c iommufd_bind_noiommu(), in 7.3.4 and not in 7.2.13.
IOMMUFD_NOIOMMU = Border((7, 3), older=False)
#: drivers/vfio/device_cdev.c vfio_df_check_token(): to open a virtual function takes its token.
CDEV_TOKEN = Border((7, 2), until=(6, 12))
#: drivers/vfio/pci/vfio_pci.c vfio_pci_dev_in_denylist(), with the QAT devices. It was not read
#: whether older stable series have it.
DENYLIST = Border((5, 9))
#: vfio_pci_dev_in_denylist() with DSA and IAX of Sapphire Rapids, in 6.1.192 and 6.12.118 and not
#: in 5.10.262. The series between were not read.
DENYLIST_SPR = Border((6, 12), taken=(Taken((5, 10), 262, None), Taken((6, 1), None, 192)))
#: drivers/iommu/amd/init.c iommu_init_pci(): no driver matches the IOMMU's own function in 6.1.192
#: and 6.12.118 (`match_driver`), so its bind is ENODEV. 7.3 answers EBUSY. The series between were
#: not read.
AMD_IOMMU_BUSY = Border((7, 3), until=(6, 12))
#: From this series on it was read what drivers/iommu/ reports of IOMMU_CAP_CACHE_COHERENCY.
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
#: drivers/of/base.c of_map_id(): the cells of a map's outputs count, so do phandles before the
#: match, and no range wraps (of_map.py).
OF_MAP_CELLS = Border((7, 2), until=(6, 12))
#: drivers/bus/fsl-mc/fsl-mc-bus.c fsl_mc_device_add(): a DPRC does not hand its MSI domain on.
FSL_MC_DPRC_ALONE = Border((7, 2), until=(6, 12))
#: drivers/cdx/cdx.c cdx_device_add(): a device has an MSI domain. Older series were not read.
CDX_DOMAIN = Border((6, 12))
#: drivers/pci/controller/dwc/pcie-designware-host.c dw_pcie_host_init(): a bridge with msi-map or
#: msi-parent has no controller of its own (has_msi_ctrl). In 5.10 it has one; the series between
#: were not read.
DESIGNWARE_ASKS = Border((6, 1))

#: drivers/iommu/amd/init.c check_ioapic_information(): the southbridge's IO-APIC is the one of GSI
#: 0, and the kernel never forgets an IO-APIC that the IVRS leaves out.
AMD_OWNER_OF_GSI_0 = Border(
    (7, 3),
    taken=(
        Taken((5, 10), 262, None),
        Taken((6, 1), 176, 192),
        Taken((6, 12), 107, 111),
        Taken((7, 2), None, 13),
    ),
)
#: The same file, check_sb_ioapic(): the southbridge's IO-APIC is known by the class of its
#: function, not by its place.
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
#: drivers/iommu/amd/quirks.c, from v5.5 on; older stable series were not read.
AMD_QUIRKS = Border((5, 5))
#: drivers/iommu/amd/init.c parse_ivrs_ioapic(): "[ID]=SEGMENT:BUS:DEV.FN", Linux commit
#: bbe3a106580c ("iommu/amd: Add PCI segment support for ivrs_[ioapic/hpet/acpihid] commands") (in
#: v6.0).
IVRS_SEGMENT = Border(
    (6, 0),
    taken=(Taken((5, 4), 236, 237), Taken((5, 10), 163, 164), Taken((5, 15), 102, 103)),
)
#: The same function: "=ID@SEGMENT:BUS:DEV.FN", Linux commit 1198d2316dc4 ("iommu/amd: Fix
#: ill-formed ivrs_ioapic, ivrs_hpet and ivrs_acpihid options") (in v6.2).
IVRS_AT = Border(
    (6, 2),
    taken=(*IVRS_SEGMENT.taken, Taken((6, 1), 3, 4)),
)
