from __future__ import annotations

import errno

import pytest

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel import module_param
from vfioguard.kernel.identity import cmdline
from vfioguard.root.memory import Entry, Link, Memory, Refused

MODULE, NAME = "vfio_iommu_type1", "allow_unsafe_interrupts"
FILE = f"/sys/module/{MODULE}/parameters/{NAME}"
SET = b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n"
UNSET = b"options vfio_iommu_type1 allow_unsafe_interrupts=0\n"


def effective(entries: dict[str, Entry], options: bytes = b"") -> Reading[bool]:
    root = Memory({"/proc/cmdline": options + b"\n", **entries})
    return module_param.read(root, MODULE, NAME, cmdline.read(root)).effective


def truth(entries: dict[str, Entry], options: bytes = b"") -> bool | None:
    reading = effective(entries, options)
    return reading.value if isinstance(reading, Fact) else None


def conf(content: bytes) -> bool | None:
    return truth({"/etc/modprobe.d/vfio.conf": content})


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b"Y\n", True), (b"N\n", False), (b"Y", True), (b"", None), (b"1\n", None), (b"YN\n", None)],
)
def test_the_file_is_the_value(raw: bytes, value: bool | None) -> None:
    assert truth({FILE: raw}) is value


def test_the_file_of_a_loaded_module_beats_every_option() -> None:
    entries: dict[str, Entry] = {FILE: b"N\n", "/etc/modprobe.d/vfio.conf": SET}
    assert truth(entries, b"vfio_iommu_type1.allow_unsafe_interrupts=1") is False


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_is_not_guessed_at(number: int) -> None:
    reading = effective({FILE: Refused(number), "/etc/modprobe.d/vfio.conf": UNSET})
    assert isinstance(reading, Gap)
    assert reading.errno == errno.errorcode[number]


# lib/kstrtox.c kstrtobool(): the first letter, and the second after an "o".
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True), ("y", True), ("Y", True), ("yes", True), ("t", True), ("true", True),
        ("on", True), ("On", True), ("ON", True), ("oN", True), ("1x", True),
        ("0", False), ("n", False), ("N", False), ("no", False), ("f", False), ("false", False),
        ("off", False), ("OFF", False), ("of", False), ("0x1", False),
        ("2", None), ("o", None), ("enable", None), ("", None), ("-1", None),
    ],
)  # fmt: skip
def test_a_value_is_read_as_the_kernel_reads_it(value: str, expected: bool | None) -> None:
    text = value.encode()
    assert conf(b"options vfio_iommu_type1 allow_unsafe_interrupts=" + text + b"\n") is expected
    assert truth({}, b"vfio_iommu_type1.allow_unsafe_interrupts=" + text) is expected


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"", False),
        (SET, True),
        (SET.rstrip(), True),
        (b"# " + SET, False),
        (b"#" + SET, False),
        (b"  \toptions\tvfio_iommu_type1 \t allow_unsafe_interrupts=1  \n", True),
        (b"options vfio-iommu-type1 allow_unsafe_interrupts=1\n", True),
        (b"options vfio_iommu_type1 allow-unsafe-interrupts=1\n", True),
        (b"options vfio_iommu_type1 allow_unsafe_interrupts\n", True),
        (b"options vfio_iommu_type1 disable_hugepages=1 allow_unsafe_interrupts=Y\n", True),
        (b'options vfio_iommu_type1 allow_unsafe_interrupts="1"\n', True),
        (b"options vfio_iommu_type1 xallow_unsafe_interrupts=1\n", False),
        (b"options vfio_iommu_type1x allow_unsafe_interrupts=1\n", False),
        (b"options vfio allow_unsafe_interrupts=1\n", False),
        (b"options iommufd allow_unsafe_interrupts=1\n", False),
        (b"install vfio_pci allow_unsafe_interrupts=1\n", False),
        (b"options vfio_pci\n" + SET, True),
        (b"options\n" + SET, True),
        (b"options vfio_iommu_type1\nallow_unsafe_interrupts=1\n", False),
        (SET.rstrip() + b" # for the lab\n", True),
        (b"options vfio_iommu_type1 # allow_unsafe_interrupts=1\n", True),
        (SET + UNSET, False),
        (UNSET + SET, True),
        (b"options vfio_iommu_type1 \\\n  allow_unsafe_interrupts=1\n", True),
        (b"options vfio_iommu_type1 allow_unsafe_\\\ninterrupts=1\n", True),
        (b"# a comment that goes on \\\n" + SET, False),
        (SET.replace(b"\n", b"\r\n"), True),
        (b"\xff\xfe\n" + SET, True),
    ],
)
def test_modprobe_d_is_read_as_kmod_reads_it(content: bytes, *, value: bool) -> None:
    assert conf(content) is value


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"/etc/modprobe.d/a.conf": SET, "/etc/modprobe.d/b.conf": UNSET}, False),
        ({"/etc/modprobe.d/b.conf": SET, "/etc/modprobe.d/a.conf": UNSET}, True),
        # sorted by name over all directories
        ({"/etc/modprobe.d/a.conf": UNSET, "/lib/modprobe.d/b.conf": SET}, True),
        ({"/usr/lib/modprobe.d/b.conf": SET}, True),
        ({"/usr/local/lib/modprobe.d/b.conf": SET}, True),
        ({"/run/modprobe.d/b.conf": SET}, True),
        # a file masks its namesakes
        ({"/etc/modprobe.d/a.conf": b"", "/lib/modprobe.d/a.conf": SET}, False),
        ({"/etc/modprobe.d/a.conf": Link("/dev/null"), "/lib/modprobe.d/a.conf": SET}, False),
        ({"/run/modprobe.d/a.conf": UNSET, "/usr/lib/modprobe.d/a.conf": SET}, False),
        # only *.conf, none that is hidden
        ({"/etc/modprobe.d/a.conf.bak": SET}, False),
        ({"/etc/modprobe.d/a": SET}, False),
        ({"/etc/modprobe.d/.a.conf": SET}, False),
        # what cannot be read could say anything
        ({"/etc/modprobe.d/a.conf": Refused(errno.EACCES)}, None),
        ({"/etc/modprobe.d": Refused(errno.EACCES)}, None),
        ({"/etc/modprobe.d/a.conf": b"x" * (1 << 17)}, None),
    ],
)
def test_files_mask_and_follow_each_other_by_name(
    files: dict[str, Entry], value: bool | None
) -> None:
    assert truth(files) is value


@pytest.mark.parametrize(
    ("options", "value"),
    [
        (b"vfio_iommu_type1.allow_unsafe_interrupts=1", True),
        (b"vfio-iommu-type1.allow-unsafe-interrupts=1", True),
        (b"vfio_iommu_type1.allow_unsafe_interrupts", True),
        (b"vfio_iommu_type1.allow_unsafe_interrupts=0", False),
        (b" ".join(b"vfio_iommu_type1.allow_unsafe_interrupts=%d" % n for n in (1, 0)), False),
        (b"iommufd.allow_unsafe_interrupts=1", False),
    ],
)
def test_the_command_line_is_applied_when_the_module_loads(options: bytes, *, value: bool) -> None:
    assert truth({}, options) is value


def test_the_command_line_comes_after_modprobe_d() -> None:
    files: dict[str, Entry] = {"/etc/modprobe.d/a.conf": SET}
    assert truth(files, b"vfio_iommu_type1.allow_unsafe_interrupts=0") is False


def test_a_command_line_that_cannot_be_read_leaves_it_open() -> None:
    assert truth({"/proc/cmdline": Refused(errno.EACCES)}) is None


def test_a_parameter_prints_as_people_write_it() -> None:
    root = Memory({FILE: b"Y\n"})
    assert str(module_param.read(root, MODULE, NAME, cmdline.read(root))) == f"{MODULE}.{NAME}"
