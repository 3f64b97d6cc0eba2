"""Lines about binding a device to a VFIO driver, which comes before any attach."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Message, Whose

_OVERRIDE = "write vfio-pci to its driver_override, then its address to /sys/bus/pci/drivers_probe"

MESSAGES: tuple[Message, ...] = (
    Message(
        patterns=("exists in vfio-pci device denylist", "exists in vfio-pci device blacklist"),
        whose=Whose.VFIO,
        means="vfio-pci takes this device only if it is asked to: a guest could harm the host "
        "through it (erratum of Intel QAT, DSA or IAX); the bind fails with EINVAL",
        change="only for users whom you trust: vfio-pci.disable_denylist=1 on the command line, or "
        "`options vfio-pci disable_denylist=1` in /etc/modprobe.d, then load vfio-pci again",
        about=About.DENYLIST,
        errno="EINVAL",
        call=Call.DRIVER,
    ),
    # drivers/vfio/pci/vfio_pci.c vfio_pci_fill_ids() (6.12).
    Message(
        patterns=("invalid id string", "failed to add dynamic id"),
        whose=Whose.VFIO,
        means="vfio-pci does not take an entry of its option ids=: it is not VENDOR:DEVICE in "
        "hexadecimal, or stands there twice",
        change="write ids= as lspci -nn shows it: 10de:2204,10de:1aef",
        about=About.UNBOUND,
        call=Call.DRIVER,
    ),
    Message(
        patterns=("cannot bind to pf with sriov enabled",),
        whose=Whose.VFIO,
        means="vfio-pci takes no physical function whose virtual functions are on (EBUSY)",
        change="write 0 to its sriov_numvfs first, or give away the virtual functions",
        about=About.FUNCTIONS,
        errno="EBUSY",
        call=Call.DRIVER,
    ),
    Message(
        patterns=("vf token required", "incorrect vf token", "vf token incorrectly"),
        whose=Whose.VFIO,
        means="the physical function is on vfio-pci, so the user of a VF has to show the same "
        "token (EACCES, or EINVAL if a token is shown in vain)",
        change="pass the token to both (QEMU: vf-token=UUID), or put the physical function on its "
        "own driver",
        about=About.VF_KEY,
        errno="EACCES",
        call=Call.GET_DEVICE,
    ),
    Message(
        patterns=("failed to setup intel igd", "opregion", "igd*legacy mode", " igd "),
        whose=Whose.DEVICE,
        means="Intel's graphics (IGD) did not show vfio-pci its OpRegion, host bridge or LPC "
        "bridge; the interrupts are not asked",
        change="turn VMD off in the firmware if 00:00.0 does not look like a host bridge, or pass "
        "it as a second graphics card (QEMU: x-igd-opregion=off)",
        about=About.IGD,
        call=Call.GET_DEVICE,
    ),
    Message(
        patterns=(
            "vfio_virqfd*not found",
            "find module*vfio_virqfd",
            "insert 'vfio_virqfd",
        ),
        whose=Whose.FINE,
        means="this module is a part of vfio from v6.2 on: nothing is lacking",
        change="leave vfio_virqfd out of /etc/modules and of the initramfs",
    ),
    Message(
        patterns=("key was rejected by service", "required key not available"),
        whose=Whose.OTHER,
        means="not VFIO's answer: Secure Boot lets the kernel take signed modules alone",
        change="take the modules of the distribution's own kernel, or sign them; mokutil "
        "--sb-state shows the state",
        call=Call.DRIVER,
    ),
    # libvirt's virHostdevPreparePCIDevicesImpl() (11).
    Message(
        patterns=("must be manually detached from the host",),
        whose=Whose.VFIO,
        means="libvirt leaves a device alone that has managed='no' in the guest, and this one is "
        "on no VFIO driver",
        change="virsh nodedev-detach DEVICE before the start, or managed='yes' in the guest",
        about=About.UNBOUND,
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "failed to load pci stub module",
            "module vfio*not found",
            "driver*is not loaded",
            "no supported*kernel modules are loaded",
            "failed to find vfio-pci driver",
        ),
        whose=Whose.VFIO,
        means="the module of the VFIO driver is not loaded, or not there",
        change="modprobe vfio-pci; if there is none, install the package with the kernel's "
        "further modules",
        about=About.MODULE,
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "non-endpoint pci devices cannot be assigned",
            "not allowed to attach non-endpoint",
            "not an endpoint",
        ),
        whose=Whose.VFIO,
        means="it is a bridge, which stays with the host",
        change="give away the devices behind it; pcieport does not stand in the way of a group",
        about=About.BRIDGE,
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "failed to bind*vfio",
            "cannot bind*vfio",
            "failed to override*driver",
            "failed binding",
            "can't unbind/bind pci group to vfio",
            "failed to set driver_override",
        ),
        whose=Whose.VFIO,
        means="the device was not bound to a VFIO driver; the kernel's log has the errno (probe "
        "failed with error ...). ENODEV: the driver does not know its id. EINVAL: no IOMMU group, "
        "a bridge, or the denylist. EBUSY: virtual functions are on",
        change=f"bind it by hand and look at the answer: {_OVERRIDE}",
        about=About.GROUPS,
        call=Call.DRIVER,
        general=True,
    ),
    Message(
        patterns=(
            "no pci device info for device",
            "device not found: no pci device",
            "pci address*does not exist",
            "no such pci device",
            "no pci device found for",
            "no such host device",
        ),
        whose=Whose.OTHER,
        means="there is no PCI function at that address: it moved, is switched off, or is taken "
        "out by the firmware",
        change="lspci -D shows the addresses of now",
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "vfio-noiommu group",
            "vfio-noiommu device opened",
            "(no-iommu)",
            "using iommu type 8",
        ),
        whose=Whose.VFIO,
        means="VFIO gives the device away without any IOMMU, in no-IOMMU mode: it can write to "
        "all memory of the host, and no interrupt is asked",
        change="turn the IOMMU on, and enable_unsafe_noiommu_mode off",
        about=About.NOIOMMU,
    ),
)
