"""Devices that vfio-pci does not take: drivers/vfio/pci/vfio_pci.c vfio_pci_dev_in_denylist().

Their hardware can harm the host if a guest has it. `disable_denylist` lets vfio-pci take them.
"""

#: PCI_ID as a uevent has it: QAT C3XXX, C62X and DH895XCC, each with its virtual functions.
QAT = frozenset({"8086:19E2", "8086:19E3", "8086:37C8", "8086:37C9", "8086:0435", "8086:0443"})
#: DSA and IAX of Sapphire Rapids.
SPR = frozenset({"8086:0B25", "8086:0CFE"})
ALL = QAT | SPR
