"""What is not the interrupts: lines about the device itself. Each ends the search in a sentence."""

from __future__ import annotations

from vfioguard.symptom import Call, Message, Whose

MESSAGES: tuple[Message, ...] = (
    Message(
        patterns=(
            "depends on group*which is not owned",
            "depends on device*which is not owned",
        ),
        whose=Whose.DEVICE,
        means="a bus reset would reset devices of another group too, which this guest does not "
        "have; not the interrupts",
        change="give the guest those devices too, or do without the bus reset",
        call=Call.RESET,
    ),
    Message(
        patterns=(
            "change power state",
            "changing power state",
            "stuck in d3",
            "device inaccessible",
            "config space inaccessible",
            "runtime resume failed",
            "unknown pci header type",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the device does not wake from a power state (D3)",
        change="try vfio-pci.disable_idle_d3=1, another slot, or a cold start of the host",
    ),
    Message(
        patterns=(
            " flr*fail",
            " flr*timed out",
            " flr;",
            "function level reset",
            "no available reset mechanism",
            "transaction is not cleared",
            "reset recovery",
            "no reset method",
            "*/reset*inappropriate ioctl",
            "reset bug",
            "unable to reset pci device",
            "failed to reset pci device",
            "can't reset pci device",
            "cannot reset device",
            "not ready*giving up",
            "after bus reset; waiting",
            "hot reset:",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the device cannot be reset, or does not come back from it",
        change="cat its reset_method; a guest may run without, once for each start of the host",
        call=Call.RESET,
    ),
    Message(
        patterns=(
            "rom header",
            "rom contents",
            "pci rom",
            "vga rom",
            "option rom",
            "romfile",
            "rom*inaccessible",
            "no more image in",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the device's option ROM cannot be read",
        change="give QEMU a copy (romfile=), or do without (rombar=0)",
        thing=True,
    ),
    # drivers/pci/setup-res.c pci_assign_resource(), drivers/pci/probe.c __pci_read_base() (6.12).
    Message(
        patterns=(
            "bar *[io*can't assign",
            "bar *[io*failed to assign",
            "bar *no space for [io",
            "bar *invalid; can't size",
        ),
        whose=Whose.FINE,
        means="the host has no I/O ports for this BAR, or the device does not say its size. Few "
        "drivers use such a BAR, and VFIO goes without",
    ),
    Message(
        patterns=(
            "can't reserve [mem",
            "bar *[mem*can't",
            "bar*no space for",
            "bar*failed to assign",
            "failed to mmap*bar",
            "resizable bar",
            "mmap*bar",
            "unsupported read width",
            "could not enable*bar",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: a BAR of the device is taken by the host (often its "
        "framebuffer) or has no room",
        change="free it: video=efifb:off or initcall_blacklist=sysfb_init; or Above 4G Decoding "
        "in the firmware",
        thing=True,
    ),
    Message(
        patterns=("msix pba outside of specified bar", "msix table outside of specified bar"),
        whose=Whose.DEVICE,
        means="not isolation: the device says that its MSI-X table lies where none of its BARs is, "
        "so QEMU does not take it",
        change="look whether it came back from its last reset (lspci -vv); power the host off and "
        "on",
    ),
    Message(
        patterns=("doesn't support reset from sysfs",),
        whose=Whose.DEVICE,
        means="not the interrupts: xl asks for a reset that the device does not have",
        change="nothing if the guest starts; else look at its reset_method",
        call=Call.RESET,
    ),
    Message(
        patterns=("vga arbiter", "vgaarb", "boot_vga"),
        whose=Whose.FINE,
        means="nothing is wrong: which graphics card answers to VGA addresses",
    ),
    # drivers/iommu/intel/dmar.c dmar_fault_do_one() (6.12).
    Message(
        patterns=("intr-remap] request device", "compatibility format interrupt"),
        whose=Whose.DEVICE,
        means="interrupt remapping is on, and stopped an interrupt that it did not give out; that "
        "is its work, and no attach is refused for it",
        change="look who drives the device; after a suspend or a kexec it may be an old interrupt",
        x86=True,
    ),
    # hw/vfio/region.c vfio_region_write(), vfio_region_read() (QEMU 10).
    Message(
        patterns=("vfio_region_write(*failed", "vfio_region_read(*failed"),
        whose=Whose.DEVICE,
        means="not the interrupts: a BAR of the device does not answer. It sleeps, is in a reset, "
        "or its memory is switched off",
        change="look at the lines before it, and whether the device comes back from a reset",
    ),
    Message(
        patterns=("no available instances of", "mdev*create*no space left"),
        whose=Whose.DEVICE,
        means="the card gives out no more mediated devices of this type; groups have no part in it",
        change="cat available_instances below its mdev_supported_types; end a guest that has one",
    ),
    Message(
        patterns=(
            "fault addr",
            "io_page_fault",
            "handling fault status",
            "translation fault",
            "event 0x* received:",
            "event: f_*client:",
            "event logged [invalid_device_request",
            "event logged [illegal_dev_table_entry",
            "unhandled context fault",
            "dma read] request",
            "dma write] request",
        ),
        whose=Whose.DEVICE,
        means="the IOMMU stopped a DMA of the device; that is its work, and no attach is refused "
        "for it. Not the interrupts, unless the fault names them (fault reason 0x20 to 0x26)",
        change="look at who drives the device at that time; after a guest ends it is harmless",
    ),
    Message(
        patterns=(
            "completion-wait loop timed out",
            "invalidation queue error",
            "qi_submit_sync",
            "invalidation time-out",
            "event logged [iotlb_inv_timeout",
            "cmd_sync timeout",
            "cmdq timeout",
            "entered service failure mode",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the IOMMU or a device behind it does not answer any more, often "
        "one that did not come back from a reset or from sleep",
        change="look at the device that hung before it; restart the host",
    ),
    Message(
        patterns=(
            "iommuv2 functionality not available",
            "iommu perf counter",
            "iommu performance counters",
        ),
        whose=Whose.FINE,
        means="nothing is wrong: an extra of AMD's IOMMU that VFIO does not use",
        x86=True,
    ),
    Message(
        patterns=("kernel taint", "taints kernel", "tainting kernel", "tainted:"),
        whose=Whose.FINE,
        means="not the interrupts: a note of the kernel for bug reports",
    ),
    Message(
        patterns=(
            "aer:*error",
            "aer:*fail",
            "aer:*recover",
            "aer_status",
            "pcie bus error",
            "unrecoverable error detected",
            "err_notifier",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the link to the device reports errors (AER)",
        change="look at slot, riser and cable; pci=noaer only hides them",
    ),
    Message(
        patterns=("flags mismatch irq*vfio", "failed to setup intx", "intx*busy"),
        whose=Whose.DEVICE,
        means="not remapping: the device shares its wired interrupt with one of the host's (EBUSY)",
        change="unbind what shares the line (/proc/interrupts), or let the guest use MSI",
        call=Call.INTERRUPT,
    ),
    Message(
        patterns=(
            "unhandled rdmsr",
            "unhandled wrmsr",
            "could not get region #",
            "hiding ecap",
            "hiding cap",
            "ecap 0x",
            "enabling device",
            "could not enable error recovery",
            "user level meta-driver",
            "can't derive routing for pci int",
            "vfio_bar_restore",
            "vgpu*unlock",
            "broken intx",
            "vfio_pci: add [",
            "device denylist disabled",
            "eal: vfio support initialized",
            "eal: using iommu type",
        ),
        whose=Whose.FINE,
        means="nothing is wrong: a note on what the device has",
    ),
    # hw/vfio/listener.c vfio_listener_region_add() (QEMU 10). paste.py reads it with its errno.
    Message(
        patterns=("peer-to-peer transactions on bars",),
        whose=Whose.FINE,
        means="nothing is wrong for one device: the guest's devices do not reach the BARs of each "
        "other (P2P), and few need to",
        call=Call.MAP,
    ),
    # drivers/pci/pci.c pci_dev_save_and_disable(), pci_dev_restore() (7.3).
    Message(
        patterns=("vfio-pci *: resetting", "vfio-pci *: reset done"),
        whose=Whose.FINE,
        means="nothing is wrong: vfio-pci resets the device before and after a guest has it",
    ),
    Message(
        patterns=("captured sr-iov vf",),
        whose=Whose.FINE,
        means="nothing is wrong: a new VF of a physical function on vfio-pci goes to vfio-pci",
    ),
    Message(
        patterns=("vfio_register_ram_discard_listener", "running out of dma mappings"),
        whose=Whose.DEVICE,
        means="not the interrupts: the guest may need more mappings than the container has room "
        "for (dma_entry_limit)",
        change="enlarge block-size of virtio-mem, or dma_entry_limit of vfio_iommu_type1",
        call=Call.MAP,
    ),
    Message(
        patterns=(
            "does not support hotplugging",
            "port is not set for device",
            "root-port is not",
            "no free*port",
            "no slot",
            "missingvirtualiommu",
            "no more pci*slots",
            "bus found for device 'vfio",
            "too many devices on bus",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: the guest's machine has no port or vIOMMU for the device",
        change="add a root port (Kata: hot_plug_vfio or cold_plug_vfio, pcie_root_port)",
    ),
)
