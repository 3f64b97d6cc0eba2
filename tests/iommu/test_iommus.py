"""policy.md 3.5: names and registers in /sys/class/iommu."""

from __future__ import annotations

import pytest

from vfioguard import leaves
from vfioguard.fact import Malformed
from vfioguard.iommu import IommuDriver, amd, hexadecimal, intel

DRIVERS = leaves.all_of("vfioguard.iommu", "DRIVER", IommuDriver)


#: Names below /sys/class/iommu, and whose they are.
INSTANCES = [
    ("dmar0", "intel"),
    ("dmar12", "intel"),
    ("ivhd0", "amd"),
    ("smmu3.0x0000000009050000", "arm-smmu-v3"),
    ("smmu.0x0000000009050000", "arm-smmu"),
    ("0000:00:02.0", "virtio-iommu"),
    ("a003e00.virtio_mmio", "virtio-iommu"),
    ("apple-dart.382c00000.iommu", "apple-dart"),
    ("riscv-iommu@3010000.iommu", "riscv-iommu"),
    ("mtk-iommu.0x0000000010205000", "mtk-iommu"),
    ("msm-smmu.0x0000000007500000", "msm-iommu"),
    ("s390-iommu.00000011", "s390-iommu"),
    ("iommu-phb0001", "spapr-tce"),
    ("iommu0", "fsl-pamu"),
    ("iommu1", None),
    ("riscv-iommu", None),
    ("dmar", None),
    ("dmar-1", None),
    ("smmu.0x", None),
    ("smmu.0x90g0", None),
    ("smmu3.0x-1", None),
    ("smmu3.9050000", None),
    ("dmar0x", None),
    ("xdmar0", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "driver"), INSTANCES)
def test_an_instance_belongs_to_one_driver_at_most(name: str, driver: str | None) -> None:
    matching = [d.name for d in DRIVERS if d.instance(name)]
    assert matching == ([] if driver is None else [driver])


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b"f00f4a\n", 0xF00F4A), (b"0\n", 0), (b"80d2008c222f0606", 0x80D2008C222F0606)],
)
def test_a_register_is_hexadecimal(raw: bytes, value: int) -> None:
    assert hexadecimal(raw) == value


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"-1\n", b"+1\n", b" 1\n", b"1_0\n", b"0x1\n", b"F\n", b"1\n\n", b"1" * 17]
)
def test_what_only_looks_like_a_register_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        hexadecimal(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"29d3\n", 0x29D3),  # EFR, up to v5.10
        (b"0:29d3\n", 0x29D3),  # EFR2:EFR, v6.1
        (b"29d3:0\n", 0x29D3 << 64),  # EFR:EFR2, v6.12
    ],
)
def test_amds_features_come_in_three_forms(raw: bytes, value: int) -> None:
    assert amd.features(raw) == value


@pytest.mark.parametrize("raw", [b"", b":", b"1:", b":1", b"1:2:3\n", b"1\n:2\n", b"-1:1\n"])
def test_features_in_no_form_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        amd.features(raw)


@pytest.mark.parametrize(
    ("ecap", "capable"), [(0xF00F4A, True), (0xF00F5A, True), (0xF42, False), (0xF00F42, False)]
)
def test_ecap_says_whether_a_unit_can_remap(ecap: int, *, capable: bool) -> None:
    assert bool(ecap & intel.ECAP_IR) is capable


def test_only_x86_units_remap_interrupts() -> None:
    assert {d.name for d in DRIVERS if d.remaps_interrupts} == {"intel", "amd"}


def test_the_smmus_stopped_claiming_the_capability_with_4_11() -> None:
    assert {d.name: d.capable_until for d in DRIVERS if d.capable_until} == {
        "arm-smmu": (4, 11),
        "arm-smmu-v3": (4, 11),
    }
