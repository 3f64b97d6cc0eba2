"""The MADT's Arm entries (ACPI 6.5 5.2.12.14 to 18; GICv5 from ACPI 6.6 5.2.12.26 to 28)."""

from typing import NamedTuple

from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    U64,
    Bytes3,
    Later8,
    Later16,
    Later32,
    Later64,
)


class Gicc(NamedTuple):
    """A processor's interface (5.2.12.14); later revisions of ACPI have more fields."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    cpu_interface_number: U32
    processor_uid: U32
    flags: U32
    parking_protocol_version: U32
    performance_gsiv: U32
    parked_address: U64
    base: U64
    gicv_base: Later64  # ACPI 5.1
    gich_base: Later64
    vgic_maintenance_gsiv: Later32
    gicr_base: Later64
    mpidr: Later64
    efficiency_class: Later8  # ACPI 6.0
    reserved2: Later8
    spe_gsiv: Later16  # ACPI 6.3
    trbe_gsiv: Later16  # ACPI 6.5
    iaffid: Later16  # ACPI 6.6
    irs_id: Later32

    @property
    def enabled(self) -> bool:
        """Whether the processor can be used now."""
        return bool(self.flags & 1)


class Gicd(NamedTuple):
    """The distributor (5.2.12.15)."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    hardware_id: U32
    base: U64
    vector_base: U32
    version: U8  # of the GIC; 0 if only the hardware knows it
    reserved2: Bytes3


class GicMsiFrame(NamedTuple):
    """A GICv2m frame: an MSI doorbell that cannot tell which device writes to it (5.2.12.16)."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    frame_id: U32
    base: U64
    flags: U32  # bit 0: the two fields below override the frame's own register
    spi_count: U16
    spi_base: U16


class Gicr(NamedTuple):
    """A range of redistributors (5.2.12.17)."""

    offset: int
    type: U8
    length: U8
    flags: U8
    reserved: U8
    base: U64
    range_length: U32


class GicIts(NamedTuple):
    """An ITS: it translates MSIs by the device that sent them (5.2.12.18)."""

    offset: int
    type: U8
    length: U8
    flags: U8
    reserved: U8
    translation_id: U32  # an ITS group of the IORT names the ITS by this id
    base: U64
    reserved2: U32


class GicV5Irs(NamedTuple):
    """GICv5 interrupt routing service (5.2.12.26)."""

    offset: int
    type: U8
    length: U8
    version: U8
    reserved: U8
    irs_id: U32
    flags: U32
    reserved2: U32
    config_base: U64
    setlpi_base: U64


class GicV5Its(NamedTuple):
    """The configuration frame of a GICv5 interrupt translation service (5.2.12.27)."""

    offset: int
    type: U8
    length: U8
    flags: U8
    reserved: U8
    translator_id: U32
    base: U64


class GicV5ItsTranslate(NamedTuple):
    """A translate frame of a GICv5 ITS (5.2.12.28); an ITS group of the IORT names such frames."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    linked_translator_id: U32
    translate_frame_id: U32
    reserved2: U32
    base: U64
