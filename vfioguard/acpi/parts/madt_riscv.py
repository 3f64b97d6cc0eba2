"""The MADT's RISC-V entries (ACPI 6.6 5.2.12.22 to 25)."""

from typing import NamedTuple

from vfioguard.acpi.structure.layout import U8, U16, U32, U64


class Rintc(NamedTuple):
    """A hart's interrupt controller (5.2.12.22)."""

    offset: int
    type: U8
    length: U8
    version: U8
    reserved: U8
    flags: U32
    hart_id: U64
    uid: U32
    ext_intc_id: U32
    imsic_base: U64  # 0 if the hart has no IMSIC
    imsic_size: U32


class Imsic(NamedTuple):
    """The settings that all incoming MSI controllers share (5.2.12.23)."""

    offset: int
    type: U8
    length: U8
    version: U8
    reserved: U8
    flags: U32
    num_ids: U16
    num_guest_ids: U16
    guest_index_bits: U8
    hart_index_bits: U8
    group_index_bits: U8
    group_index_shift: U8


class Aplic(NamedTuple):
    """An advanced platform-level controller: wires, or wires that become MSIs (5.2.12.24)."""

    offset: int
    type: U8
    length: U8
    version: U8
    aplic_id: U8
    flags: U32
    hardware_id: U64
    num_idcs: U16  # 0 if it sends MSIs
    num_sources: U16
    gsi_base: U32
    base: U64
    size: U32


class Plic(NamedTuple):
    """A platform-level controller: wires only (5.2.12.25)."""

    offset: int
    type: U8
    length: U8
    version: U8
    plic_id: U8
    hardware_id: U64
    num_sources: U16
    max_priority: U16
    flags: U32
    size: U32
    base: U64
    gsi_base: U32
