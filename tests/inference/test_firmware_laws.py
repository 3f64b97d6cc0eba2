"""Laws of both resolutions, and that they equal the kernel's own rules, written out plainly."""

from __future__ import annotations

import errno

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.arm_firmware import (
    EVERY_ID,
    TO_ITS,
    TO_LS,
    TO_NOBODY,
    Tree,
    acpi_host,
    add_member,
    cells,
    devicetree_host,
    iort,
    isolated,
    its_group,
    ls_scfg,
    machine_isolated,
    madt,
    mapping,
    offsets,
    root_complex,
    smmu_v3,
    tree,
)
from tests.support.laws import examples
from vfioguard.acpi import iort as iort_table
from vfioguard.inference.iort_ids import Nodes
from vfioguard.inference.msi_domain.iort import resolve
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.recording import Recording

NIC = "0000:00:02.0"
PORT = "0000:00:01.0"
_U32 = 0xFFFFFFFF
RELEASE = "/proc/sys/kernel/osrelease"

small = st.integers(0, 0x28)
ids = st.one_of(small, st.sampled_from([0x100, 0xFFFF, 0xFFF8, _U32 - 1, _U32]))
phandles = st.sampled_from([TO_ITS, TO_ITS, TO_LS, TO_NOBODY, 0])
entries = st.lists(st.tuples(ids, phandles, small, ids), max_size=4)
masks = st.none() | st.sampled_from([0xFFFF, 0xFF00, 0xFFF8, 0, _U32])


def of_map_id(map_: list[tuple[int, int, int, int]], mask: int | None, rid: int) -> int | None:
    """drivers/of/base.c of 6.12.118: the phandle to which an id leads."""
    if not map_:
        return None
    mask = _U32 if mask is None else mask
    masked = mask & rid
    for first, phandle, _, length in map_:
        if first & (~mask & _U32):
            return None
        if masked < first or masked >= (first + length) % (1 << 32):
            continue
        return phandle
    return None


def of_map_id_later(
    map_: list[tuple[int, int, int, int]], mask: int | None, rid: int, there: set[int]
) -> int | None:
    """drivers/of/base.c of 7.2.13: the phandle to which an id leads; `there` take one cell each."""
    mask = _U32 if mask is None else mask
    masked = mask & rid
    for first, phandle, _, length in map_:
        if first & (~mask & _U32) or phandle not in there:
            return None
        if masked < first or masked - first >= length:
            continue
        return phandle
    return None


def domain_of(phandle: int | None) -> bool | None:
    """Whether the domain behind a phandle isolates; None if there is no domain."""
    return {TO_ITS: True, TO_LS: False}.get(phandle or 0)


@given(entries, masks, st.sampled_from([None, TO_ITS, TO_LS]))
@settings(max_examples=examples(300), deadline=None)
def test_a_tree_is_resolved_as_the_kernel_does(
    map_: list[tuple[int, int, int, int]], mask: int | None, parent: int | None
) -> None:
    bridge = {"msi-map": b"".join(cells(*entry) for entry in map_)}
    if mask is not None:
        bridge["msi-map-mask"] = cells(mask)
    if parent is not None:
        bridge["msi-parent"] = cells(parent, 0) if parent == TO_ITS else cells(parent)
    nodes: Tree = {**tree(bridge), "/msi@1570000": ls_scfg()}
    host = devicetree_host(nodes, (PORT, f"{PORT}/0000:01:00.0", NIC))
    for name, rids in ((PORT, (8,)), (NIC, (0x10,)), ("0000:01:00.0", (0x100, 8))):
        found = [domain_of(of_map_id(map_, mask, rid)) for rid in rids] + [domain_of(parent)]
        expected = next((domain for domain in found if domain is not None), False)
        assert isolated(host, name) is expected
        there = {TO_ITS, TO_LS}
        ways = [of_map_id_later(map_, mask, rid, there) for rid in rids]
        found = [domain_of(way) for way in ways] + [domain_of(parent)]
        later = next((domain for domain in found if domain is not None), False)
        assert isolated(host | {RELEASE: b"7.2.13-arm64\n"}, name) is later
        both = isolated(host | {RELEASE: b"6.18.3-arm64\n"}, name)
        assert both in {expected, None} if expected is later else both is None


@given(
    st.binary(max_size=40), st.binary(max_size=12), st.binary(max_size=12), st.binary(max_size=6)
)
@settings(max_examples=examples(100), deadline=None)
def test_no_properties_break_a_resolution(
    map_: bytes, mask: bytes, parent: bytes, cell: bytes
) -> None:
    bridge = {"msi-map": map_, "msi-map-mask": mask, "msi-parent": parent}
    for release in ("6.12.0", "7.3.4", "6.12.0-1.el9.x"):
        host = devicetree_host(tree(bridge, its={"#msi-cells": cell}), release=release)
        assert isolated(host, NIC) in {True, False, None}
    host = devicetree_host(tree(bridge, its={"#msi-cells": cell}), release="6.1.0")
    assert machine_isolated(host) is True


Map = tuple[int, int, int, int, int]
Graph = list[tuple[int, int, int, int, list[Map]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """(type, revision, GSIV, mapping index, mappings to nodes by number); -1 is nowhere."""
    count = draw(st.integers(1, 5))
    kinds = [0, *(draw(st.sampled_from([0, 2, 4, 4])) for _ in range(count - 1)), 2]
    maps = st.tuples(ids, ids, small, st.integers(-1, count), st.sampled_from([0, 0, 0, 1]))
    return [
        (
            kind,
            draw(st.sampled_from([0, 1, 4, 5])),
            draw(st.integers(0, 1)),
            draw(st.integers(0, 3)),
            [] if kind == 0 else draw(st.lists(maps, max_size=4)),
        )
        for kind in kinds
    ]


def packed(graph: Graph) -> bytes:
    def nodes(places: list[int]) -> list[tuple[int, int, bytes, bytes]]:
        found: list[tuple[int, int, bytes, bytes]] = []
        for number, (kind, revision, wired, index, maps) in enumerate(graph):
            raw = [
                mapping(a, b, c, places[to] if to >= 0 else 0, single=bool(one))
                for a, b, c, to, one in maps
            ]
            if kind == 0:
                found.append(its_group(number))
            elif kind == 2:
                found.append(root_complex(0, *raw))
            else:
                found.append(smmu_v3(*raw, revision=revision, wired=wired, index=index))
        return found

    return iort(*nodes(offsets(nodes([1] * len(graph)))))


def iort_node_map_id(graph: Graph, rid: int) -> int | None:
    """drivers/acpi/arm64/iort.c: the number of the ITS group, or None; a circle leads to none."""
    at = next(n for n, node in enumerate(graph) if node[0] == 2)
    id_ = rid
    for _ in range(64):
        kind, revision, wired, index, maps = graph[at]
        if kind == 0:
            return at
        if not maps or maps[0][3] < 0:
            return None
        special = None
        if kind == 4 and revision >= 1 and (revision < 5 and not wired) and index < len(maps):
            special = index
        map_id, out_ref, hit = id_, None, None
        for number, (first, count, output, to, single) in enumerate(maps):
            if number == special:
                continue
            if single:
                if kind != 2:
                    continue
                id_, hit = output, to
                break
            last = (first + count) % (1 << 32)
            if map_id < first or map_id > last:
                continue
            if out_ref is not None and map_id != first:
                continue
            id_ = (output + map_id - first) % (1 << 32)
            if count > 0 and map_id == last:
                out_ref = to
                continue
            hit = to
            break
        step = hit if hit is not None else out_ref
        if step is None or step < 0:
            return None
        at = step
    return None


@given(graphs(), ids)
@settings(max_examples=examples(500), deadline=None)
def test_a_graph_is_walked_as_the_kernel_does(graph: Graph, rid: int) -> None:
    table, broken = iort_table.parse(packed(graph))
    assert table is not None
    assert broken is None
    group = resolve(Nodes(table), 0, rid)
    found = None if group is None else group.its_ids[0]
    assert found == iort_node_map_id(graph, rid)


@given(st.integers(36, 200), st.integers(0, 255))
@settings(max_examples=examples(200), deadline=None)
def test_no_byte_of_a_table_breaks_a_resolution(at: int, value: int) -> None:
    whole = iort(its_group(0), root_complex(0, mapping(0, 0xFFFF, 0, 48)))
    raw = bytearray(whole)
    raw[min(at, len(raw) - 1)] = value
    host = acpi_host({"APIC": madt(), "IORT": bytes(raw)})
    assert isolated(host, NIC) in {True, False, None}


def hosts() -> list[dict[str, Entry]]:
    ways = (PORT, f"{PORT}/0000:01:00.0", NIC, f"{NIC}/0000:02:05.0")
    partial = {"msi-map": cells(8, TO_ITS, 8, 1), "msi-map-mask": cells(0xFFFF)}
    parent = {"msi-parent": cells(TO_ITS, 0), "status": b"okay\0"}
    odd = ["0000:02:05.0"]
    found = [
        devicetree_host({**tree(bridge), "/dma@1": parent}, ways, conventional=odd, release=release)
        for bridge in ({"msi-map": EVERY_ID}, partial, parent, {})
        for release in ("6.1.0", "6.12.0", "7.3.4")
    ]
    for host in found:
        add_member(host, "1.dma", node="/dma@1")
    smmu = mapping(0, 0xFFFF, 0, 48)
    for apic in (madt(), madt(frames=1), madt(its=(), frames=1)):
        tables = {"APIC": apic, "IORT": iort(its_group(0), root_complex(0, smmu))}
        found += [
            acpi_host(tables, ways, conventional=odd, release=release)
            for release in ("6.1.0", "6.12.0")
        ]
    return found


def test_hiding_one_file_only_turns_an_answer_into_unknown() -> None:
    for host in hosts():
        recording = Recording(Memory(host))
        take(recording)
        read = sorted(p for p, entry in recording.entries.items() if entry is not None)
        names = [*_names(host)]
        before = {name: isolated(host, name) for name in names}
        machine = machine_isolated(host)
        for path in read:
            if "/iommu_group" in path or path.endswith("subsystem") or "/bus/pci/" in path:
                continue  # these decide which devices there are, not what a device is
            hidden = {**host, path: Refused(errno.EACCES)}
            assert machine_isolated(hidden) in {machine, None}, path
            for name in names:
                assert isolated(hidden, name) in {before[name], None}, (path, name)


def _names(host: dict[str, Entry]) -> set[str]:
    return {
        path.rpartition("/")[2] for path in host if "/iommu_groups/" in path and "devices/" in path
    }
