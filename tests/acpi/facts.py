"""What is in our own tables, written by hand from their sources, in the form of an oracle.json."""

from __future__ import annotations

GRAPHICS = {"type": 1, "length": 8, "flags": 0, "enum_id": 0, "bus": 0, "path": [[2, 0]]}
DOWN = {"type": 2, "length": 10, "flags": 0, "enum_id": 0, "bus": 0x40, "path": [[0x1C, 4], [0, 1]]}
PORT = {"type": 2, "length": 8, "flags": 0, "enum_id": 0, "bus": 0x40, "path": [[0x1C, 4]]}
IOAPIC = {"type": 3, "length": 8, "flags": 0, "enum_id": 2, "bus": 0xF0, "path": [[0x1F, 0]]}
HPET = {"type": 4, "length": 8, "flags": 0, "enum_id": 0, "bus": 0, "path": [[0x1F, 0]]}
I2C = {"type": 5, "length": 8, "flags": 0, "enum_id": 1, "bus": 0, "path": [[0x15, 2]]}
XHCI = {"type": 1, "length": 8, "flags": 0, "enum_id": 0, "bus": 0, "path": [[0x14, 0]]}
CACHED = {"type": 1, "length": 8, "flags": 0, "enum_id": 0, "bus": 0, "path": [[0x0B, 0]]}
SOC = {"type": 1, "length": 8, "flags": 3, "enum_id": 0, "bus": 0, "path": [[0x0C, 0]]}


def at(offset: int, what: dict) -> dict:
    return {"offset": offset, **what}


DMAR_ALL = {
    "host_address_width_raw": 0x2E,
    "flags": 5,
    "intr_remap": True,
    "x2apic_opt_out": False,
    "dma_ctrl_platform_opt_in": True,
    "dmar_remap_opt_out": False,
    "subtables": [
        {"offset": 48, "type": 0, "length": 24, "flags": 0, "segment": 0, "size": 0,
         "base": 0xFED90000, "include_all": False, "scopes": [at(64, GRAPHICS)]},
        {"offset": 72, "type": 0, "length": 26, "flags": 0, "segment": 1, "size": 1,
         "base": 0, "include_all": False, "scopes": [at(88, DOWN)]},
        {"offset": 98, "type": 0, "length": 40, "flags": 1, "segment": 0, "size": 0,
         "base": 0xFED91000, "include_all": True,
         "scopes": [at(114, IOAPIC), at(122, HPET), at(130, I2C)]},
        {"offset": 138, "type": 1, "length": 40, "segment": 0, "base": 0x8C800000,
         "end": 0x8CFFFFFF, "scopes": [at(162, GRAPHICS), at(170, XHCI)]},
        {"offset": 178, "type": 2, "length": 8, "flags": 1, "all_ports": True, "segment": 0,
         "scopes": []},
        {"offset": 186, "type": 2, "length": 16, "flags": 0, "all_ports": False, "segment": 1,
         "scopes": [at(194, PORT)]},
        {"offset": 202, "type": 3, "length": 20, "base": 0xFED91000, "proximity_domain": 3},
        {"offset": 222, "type": 4, "length": 23, "device_number": 1,
         "device_name": r"\_SB.PCI0.I2C0"},
        {"offset": 245, "type": 5, "length": 16, "flags": 1, "atc_required": True, "segment": 0,
         "scopes": [at(253, CACHED)]},
        {"offset": 261, "type": 6, "length": 16, "segment": 0, "scopes": [at(269, SOC)]},
    ],
}  # fmt: skip

DMAR_OPT_OUT = {
    "host_address_width_raw": 0x33,
    "flags": 15,
    "intr_remap": True,
    "x2apic_opt_out": True,
    "dma_ctrl_platform_opt_in": True,
    "dmar_remap_opt_out": True,
    "subtables": [],
}

IVRS_TWO = {
    "iv_info": 0x203043,
    "dma_remap_at_boot": True,
    "special_ioapics": [0x21, 0x22],
    "blocks": [
        {"offset": 48, "type": 0x10, "flags": 0x10, "length": 40, "device_id": 2,
         "capability_offset": 0x40, "base": 0xFD000000, "segment": 0, "info": 0, "feature": 0,
         "efr": None, "entries": [
             {"offset": 72, "type": 3, "device_id": 8, "data": 0},
             {"offset": 76, "type": 4, "device_id": 0xFFFF, "data": 0},
             {"offset": 80, "type": 0x48, "device_id": 0, "data": 0, "handle": 0x21,
              "source_device_id": 0xA0, "variety": 1},
         ]},
        {"offset": 88, "type": 0x10, "flags": 0x10, "length": 40, "device_id": 0x4002,
         "capability_offset": 0x40, "base": 0xFD100000, "segment": 1, "info": 0, "feature": 0,
         "efr": None, "entries": [
             {"offset": 112, "type": 3, "device_id": 0x4003, "data": 0},
             {"offset": 116, "type": 4, "device_id": 0x4FFF, "data": 0},
             {"offset": 120, "type": 0x48, "device_id": 0, "data": 0, "handle": 0x22,
              "source_device_id": 0x4001, "variety": 1},
         ]},
    ],
}  # fmt: skip


def hid(offset: int, device_id: int, name: str, kind: int, uid: str | int, length: int) -> dict:
    return {"offset": offset, "type": 0xF0, "device_id": device_id, "data": 0, "hid": name,
            "cid": None, "uid_format": kind, "uid_length": length, "uid": uid}  # fmt: skip


def ivmd(offset: int, kind: int, flags: int, device_id: int, aux: int, start: int) -> dict:
    return {"offset": offset, "type": kind, "flags": flags, "length": 32, "device_id": device_id,
            "aux": aux, "segment": 0, "start": start, "unity": bool(flags & 1),
            "readable": bool(flags & 2), "writable": bool(flags & 4),
            "exclusion": bool(flags & 8)}  # fmt: skip


IVRS_ALL = {
    "iv_info": 0x203043,
    "special_ioapics": [0x21, 0x22, 0x21, 0x22],
    "blocks": [
        {"offset": 48, "type": 0x10, "length": 64, "device_id": 2, "feature": 0x80048F6E,
         "info": 0x4020, "efr": None, "entries": [
             {"offset": 72, "type": 3, "device_id": 8, "data": 0},
             {"offset": 76, "type": 4, "device_id": 0xFFFE, "data": 0},
             {"offset": 80, "type": 0x43, "device_id": 0xFF00, "source_device_id": 0xA5},
             {"offset": 88, "type": 4, "device_id": 0xFFFF, "data": 0},
             {"offset": 92, "type": 0, "device_id": 0, "data": 0},
             {"offset": 96, "type": 0x48, "handle": 0, "source_device_id": 0xA0, "variety": 2},
             {"offset": 104, "type": 0x48, "handle": 0x21, "data": 0xD7, "variety": 1},
         ]},
        {"offset": 112, "type": 0x11, "length": 84, "device_id": 2, "attributes": 0x40200,
         "efr": 0x206D73EF22254ADE, "efr2": 0, "entries": [
             {"offset": 152, "type": 1, "device_id": 0},
             {"offset": 156, "type": 2, "device_id": 0x100},
             {"offset": 160, "type": 0x42, "device_id": 0x200, "source_device_id": 0x201},
             {"offset": 168, "type": 0x46, "device_id": 0x300, "extended": 0x80000000},
             {"offset": 176, "type": 0x47, "device_id": 0x400, "extended": 1},
             {"offset": 184, "type": 4, "device_id": 0x4FF},
             {"offset": 188, "type": 0x48, "handle": 0x22, "source_device_id": 1, "variety": 1},
         ]},
        {"offset": 196, "type": 0x40, "length": 125, "device_id": 2, "entries": [
             {"offset": 236, "type": 3, "device_id": 8, "data": 0},
             {"offset": 240, "type": 4, "device_id": 0xFFFE, "data": 0},
             {"offset": 244, "type": 0x48, "handle": 0x21, "source_device_id": 0xA0},
             {"offset": 252, "type": 0x48, "handle": 0x22, "source_device_id": 1},
             hid(260, 0xA5, "AMDI0020", 2, r"\_SB.FUR0", 9),
             hid(291, 0xA6, "AMDI0095", 1, 1, 8),
         ]},
        ivmd(321, 0x20, 0xD, 0, 0, 0x12345000),
        ivmd(353, 0x21, 0x7, 0x88, 0, 0xABC00000),
        ivmd(385, 0x22, 0x8, 0x100, 0x1FF, 0xDEF00000),
    ],
}  # fmt: skip


def to(offset: int, first: int, count: int, base: int, node: int, single: bool = False) -> dict:
    return {"offset": offset, "input_base": first, "id_count": count, "output_base": base,
            "output_reference": node, "single": single, "last": first + count}  # fmt: skip


IORT_ALL = {
    "node_count": 8,
    "node_offset": 48,
    "nodes": [
        {"offset": 48, "type": 0, "length": 28, "revision": 1, "identifier": 0,
         "mapping_count": 0, "its_count": 2, "its_ids": [0, 1], "mappings": []},
        {"offset": 76, "type": 1, "length": 59, "revision": 4, "identifier": 1,
         "mapping_offset": 39, "memory_size_limit": 40, "device_name": r"\_SB.SAS0",
         "mappings": [to(115, 0, 0, 0x40910, 48, single=True)]},
        {"offset": 135, "type": 2, "length": 76, "revision": 4, "segment": 1, "ats_attribute": 1,
         "memory_size_limit": 48, "pasid_capabilities": 16, "mapping_count": 2,
         "mappings": [to(171, 0, 0xFF, 0, 211), to(191, 0x100, 0xFF, 0x100, 48)]},
        {"offset": 211, "type": 4, "length": 108, "base": 0x9050000, "flags": 9, "model": 1,
         "event_gsiv": 106, "pri_gsiv": 107, "gerr_gsiv": 109, "sync_gsiv": 108,
         "proximity_domain": 2, "device_id_mapping_index": 1,
         "mappings": [to(279, 0, 0xFFFF, 0, 48), to(299, 0, 0, 0xFFF8, 48, single=True)]},
        {"offset": 319, "type": 3, "length": 120, "base": 0x9060000, "span": 0x10000, "model": 3,
         "context_interrupt_count": 2, "pmu_interrupt_count": 1,
         "mappings": [to(419, 0, 0xFFFF, 0x10000, 48)]},
        {"offset": 439, "type": 5, "length": 60, "page0": 0x90A0000, "page1": 0x90B0000,
         "overflow_gsiv": 34, "node_reference": 211,
         "mappings": [to(479, 0, 0, 0xFFF9, 48, single=True)]},
        {"offset": 499, "type": 6, "length": 88, "flags": 1, "remap_permitted": True,
         "range_count": 2, "range_offset": 28, "mappings": [to(567, 0x200, 0, 0x200, 211)]},
        {"offset": 587, "type": 7, "length": 57, "base": 0x2F000000, "iwb_index": 2,
         "device_name": r"\_SB_.IWB0", "mappings": [to(624, 0x100, 63, 0x3000, 48)]},
    ],
}  # fmt: skip

MADT_X86 = {
    "local_apic_address": 0xFEE00000,
    "flags": 1,
    "pcat_compat": True,
    "counts_by_type": {"0": 2, "1": 2, "2": 1, "3": 1, "4": 1, "5": 1, "9": 1, "10": 1},
    "ioapics": [
        {"id": 2, "address": 0xFEC00000, "gsi_base": 0},
        {"id": 8, "address": 0xFEC01000, "gsi_base": 24},
    ],
    "gicd": [],
    "gic_its": [],
    "subtables": [
        {"offset": 44, "type": 0, "length": 8, "processor_uid": 0, "apic_id": 0, "enabled": True},
        {"offset": 52, "type": 0, "length": 8, "processor_uid": 1, "apic_id": 2, "enabled": False},
        {"offset": 84, "type": 2, "length": 10, "bus": 0, "source": 9, "gsi": 9, "flags": 13},
        {"offset": 94, "type": 4, "length": 6, "processor_uid": 255, "flags": 5, "lint": 1},
        {"offset": 112, "type": 9, "length": 16, "x2apic_id": 256, "enabled": True},
        {"offset": 140, "type": 3, "length": 8},
    ],
}
GICD = {"type": 12, "length": 24, "base": 0x8000000, "version": 3}
MADT_ARM = {
    "gicd": [{"base": 0x8000000, "version": 3}],
    "gic_its": [{"id": 3, "base": 0x8080000}],
    "gic_msi_frames": [
        {"id": 1, "base": 0x8020000, "flags": 1, "spi_count": 64, "spi_base": 80}
    ],
    "counts_by_type": {"11": 2, "12": 1, "13": 1, "14": 1, "15": 1, "28": 1, "29": 1, "30": 1},
    "subtables": [
        at(44, GICD),
        {"offset": 68, "type": 11, "length": 82, "gicr_base": 0x80A0000, "mpidr": 0x80000000,
         "spe_gsiv": 21, "trbe_gsiv": 31, "iaffid": None, "irs_id": None},
        {"offset": 256, "type": 14, "length": 16, "base": 0x80A0000, "range_length": 0xF60000},
        {"offset": 292, "type": 28, "length": 32, "irs_id": 4, "config_base": 0x2F1A0000,
         "setlpi_base": 0x2F1B0000},
        {"offset": 324, "type": 29, "length": 16, "translator_id": 5, "base": 0x2F120000},
        {"offset": 340, "type": 30, "length": 24, "linked_translator_id": 5,
         "translate_frame_id": 6, "base": 0x2F130000},
    ],
}  # fmt: skip

MADT_RISCV = {
    "subtables": [
        {"offset": 44, "type": 0x18, "hart_id": 2, "uid": 3, "ext_intc_id": 0x1000004,
         "imsic_base": 0x28000000, "imsic_size": 0x1000},
        {"offset": 80, "type": 0x19, "num_ids": 255, "num_guest_ids": 63, "guest_index_bits": 1,
         "hart_index_bits": 2, "group_index_bits": 3, "group_index_shift": 24},
        {"offset": 96, "type": 0x1A, "aplic_id": 7, "hardware_id": 8, "num_idcs": 0,
         "num_sources": 96, "gsi_base": 32, "base": 0xD000000, "size": 0x8000},
        {"offset": 132, "type": 0x1B, "plic_id": 9, "hardware_id": 10, "num_sources": 95,
         "max_priority": 7, "size": 0x600000, "base": 0xC000000, "gsi_base": 128},
    ],
}  # fmt: skip

VIOT_ALL = {
    "node_count": 4,
    "node_offset": 48,
    "nodes": [
        {"offset": 48, "type": 1, "length": 24, "segment_start": 0, "segment_end": 1,
         "bdf_start": 8, "bdf_end": 0xFFFF, "output_node": 96},
        {"offset": 72, "type": 2, "length": 24, "endpoint": 0x10000, "base": 0x1C000000,
         "output_node": 112},
        {"offset": 96, "type": 3, "length": 16, "segment": 1, "bdf": 8},
        {"offset": 112, "type": 4, "length": 16, "base": 0x1D000000},
    ],
}  # fmt: skip

MCFG_TWO = {
    "allocations": [
        {"offset": 44, "base": 0xE0000000, "segment": 0, "start_bus": 0, "end_bus": 255},
        {"offset": 60, "base": 0x4010000000, "segment": 2, "start_bus": 64, "end_bus": 127},
    ],
}

FACTS: dict[str, dict] = {
    "dmar-all": DMAR_ALL,
    "dmar-opt-out": DMAR_OPT_OUT,
    "iort-all": IORT_ALL,
    "ivrs-all": IVRS_ALL,
    "ivrs-two-iommus": IVRS_TWO,
    "madt-arm": MADT_ARM,
    "madt-riscv": MADT_RISCV,
    "madt-x86": MADT_X86,
    "mcfg-two": MCFG_TWO,
    "viot-all": VIOT_ALL,
}
