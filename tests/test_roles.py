"""What the host needs of its devices: the disks of / and /boot, swap, the way out, the console."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vfioguard.kernel.roles import needed
from vfioguard.kernel.roles.mounts import Mount, around, parse_mounts
from vfioguard.kernel.roles.needed import Roles, host_critical
from vfioguard.root.memory import Entry, Link, Memory

NVME, SATA, NIC, USB, GPU, VMD = (
    "0000:01:00.0",
    "0000:00:17.0",
    "0000:02:00.0",
    "0000:00:14.0",
    "0000:03:00.0",
    "0000:00:0e.0",
)
ROOT, BOOT = "the disk of /", "the disk of /boot"
NO_SWAP = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
ROUTES = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "%s\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


def disk(name: str, number: str, home: str, *partitions: str) -> dict[str, Entry]:
    """A disk below `home` in /sys/devices, and its partitions with the numbers that follow."""
    place = f"/sys/devices/{home}/{name}"
    entries: dict[str, Entry] = {place: None, f"/sys/class/block/{name}": Link(place)}
    entries[f"/sys/dev/block/{number}"] = Link(f"../../devices/{home}/{name}")
    major, _, minor = number.partition(":")
    for index, partition in enumerate(partitions, int(minor) + 1):
        entries[f"{place}/{partition}/partition"] = b"1\n"
        entries[f"/sys/class/block/{partition}"] = Link(f"{place}/{partition}")
        entries[f"/sys/dev/block/{major}:{index}"] = Link(
            f"../../devices/{home}/{name}/{partition}"
        )
    return entries


def virtual(name: str, number: str, *slaves: str) -> dict[str, Entry]:
    entries = disk(name, number, "virtual/block")
    for slave in slaves:
        path = f"/sys/devices/virtual/block/{name}/slaves/{slave}"
        entries[path] = Link(f"/sys/class/block/{slave}")
    return entries


def mount(point: str, number: str, kind: str = "ext4", source: str = "/dev/root") -> str:
    return f"36 35 {number} / {point} rw,relatime shared:1 - {kind} {source} rw\n"


def host(
    *parts: Mapping[str, Entry], mounts: str = "", swaps: bytes = b"", routes: str = ""
) -> Memory:
    entries: dict[str, Entry] = {
        "/proc/self/mountinfo": mounts.encode(),
        "/proc/swaps": NO_SWAP + swaps,
        "/proc/net/route": ROUTES + routes.encode(),
    }
    for part in parts:
        entries |= part
    return Memory(entries)


DISKS: dict[str, Entry] = {
    **disk("nvme0n1", "259:0", f"pci0000:00/0000:00:01.0/{NVME}/nvme/nvme0", "nvme0n1p1"),
    **disk("sda", "8:0", f"pci0000:00/{SATA}/ata1/host0/target0:0:0/0:0:0:0/block", "sda1"),
    **disk("sdb", "8:16", f"pci0000:00/{USB}/usb1/1-1/host1/block", "sdb1"),
}
STACK = [
    virtual("md0", "9:0", "nvme0n1p1", "sda1"),
    virtual("dm-0", "253:0", "md0"),
    virtual("dm-1", "253:1", "dm-0"),
]


def of(root: Memory, role: str) -> tuple[set[str], bool]:
    """The functions with a role, and whether these are all."""
    found = needed.read(root, [GPU])
    return {name for name, many in found.of.items() if role in many}, role not in found.unknown


# What is mounted at / -> (the parts of the host, the line of the mount, functions, whole).
STACKS: dict[str, tuple[list[dict[str, Entry]], str, set[str], bool]] = {
    "a partition": ([], mount("/", "259:1"), {NVME}, True),
    "a whole disk": ([], mount("/", "8:0"), {SATA}, True),
    "a disk on USB": ([], mount("/", "8:17"), {USB}, True),
    "LUKS on LVM on RAID": (STACK, mount("/", "253:1"), {NVME, SATA}, True),
    "multipath": ([virtual("dm-0", "253:0", "sda", "sdb")], mount("/", "253:0"), {SATA, USB}, True),
    "a loop of slaves": (
        [virtual("dm-0", "253:0", "dm-1"), virtual("dm-1", "253:1", "dm-0", "sda")],
        mount("/", "253:0"),
        {SATA},
        True,
    ),
    "a partition of a RAID": (
        [virtual("md0", "9:0", "sda"), disk("md0", "9:0", "virtual/block", "md0p1")],
        mount("/", "9:1"),
        {SATA},
        True,
    ),
    "bcache": ([virtual("bcache0", "252:0", "sda")], mount("/", "252:0"), {SATA}, False),
    "no slaves": ([virtual("dm-0", "253:0")], mount("/", "253:0"), set(), False),
    "a disk that is not there": ([], mount("/", "8:99", source="/dev/gone"), set(), False),
    "ZFS": ([], mount("/", "0:30", "zfs", "rpool/ROOT"), set(), False),
    "an overlay": ([], mount("/", "0:31", "overlay", "overlay"), set(), False),
    "virtiofs": ([], mount("/", "0:32", "virtiofs", "rootfs"), set(), False),
    "NFS": ([], mount("/", "0:33", "nfs4", "10.0.0.1:/srv"), set(), True),
    "memory": ([], mount("/", "0:2", "tmpfs", "none"), set(), True),
    "btrfs alone": (
        [{"/sys/fs/btrfs/uuid/devices/sda1": Link("../../../../class/block/sda1")}],
        mount("/", "0:25", "btrfs", "/dev/sda1"),
        {SATA},
        True,
    ),
    "btrfs on two disks": (
        [
            {f"/sys/fs/btrfs/uuid/devices/{name}": None for name in ("sda1", "nvme0n1p1")},
            {"/sys/fs/btrfs/features": None},
        ],
        mount("/", "0:25", "btrfs", "/dev/sda1"),
        {SATA, NVME},
        True,
    ),
    "btrfs on LUKS": (
        [
            virtual("dm-0", "253:0", "sda1"),
            {"/dev/mapper/luks-1": Link("../dm-0")},
            {"/sys/fs/btrfs/uuid/devices/dm-0": None},
        ],
        mount("/", "0:25", "btrfs", "/dev/mapper/luks-1"),
        {SATA},
        True,
    ),
    "btrfs that shows no devices": ([], mount("/", "0:25", "btrfs", "/dev/sda1"), {SATA}, False),
    "behind a VMD": (
        [disk("nvme1n1", "259:9", f"pci0000:00/{VMD}/pci10000:e0/10000:e0:06.0/10000:e1:00.0/x")],
        mount("/", "259:9"),
        {VMD, "10000:e1:00.0"},
        True,
    ),
    "native multipath of NVMe": (
        [
            disk(
                "nvme2n1", "259:5", "virtual/nvme-subsystem/nvme-subsys2", "nvme2n1p1", "nvme2n1p2"
            ),
            {
                "/sys/devices/virtual/nvme-subsystem/nvme-subsys2/nvme0": None,
                "/sys/class/nvme/nvme0": Link(f"../../devices/pci0000:00/{NVME}/nvme/nvme0"),
            },
        ],
        mount("/", "259:7"),
        {NVME},
        True,
    ),
    "a file on a disk": (
        [
            virtual("loop0", "7:0"),
            {"/sys/devices/virtual/block/loop0/loop/backing_file": b"/srv/a b/root.img\n"},
        ],
        mount("/", "7:0") + mount("/srv/a\\040b", "8:1"),
        {SATA},
        True,
    ),
    "a file on itself": (
        [
            virtual("loop0", "7:0"),
            {"/sys/devices/virtual/block/loop0/loop/backing_file": b"/root.img\n"},
        ],
        mount("/", "7:0"),
        set(),
        False,
    ),
    "two that stand on each other": (
        [virtual("dm-0", "253:0", "dm-1"), virtual("dm-1", "253:1", "dm-0")],
        mount("/", "253:0"),
        set(),
        False,
    ),
    "one mount over another": ([], mount("/", "8:1") + mount("/", "259:1"), {SATA, NVME}, True),
    "a thousand others": (
        [],
        "".join(mount(f"/mnt/{n}", "8:17") for n in range(1000)) + mount("/", "259:1"),
        {NVME},
        True,
    ),
    "nothing at /": ([], mount("/home", "259:1"), set(), False),
    "a file that is none": ([], "noise\n", set(), False),
}


@pytest.mark.parametrize("name", STACKS)
def test_the_disks_of_the_root_are_found(name: str) -> None:
    parts, mounts, functions, whole = STACKS[name]
    assert of(host(DISKS, *parts, mounts=mounts), ROOT) == (functions, whole)


def test_a_loop_device_of_another_disk_is_followed_once() -> None:
    many = [virtual(f"dm-{n}", f"253:{n}", f"dm-{n + 1}", f"dm-{n + 2}") for n in range(2000)]
    assert of(host(*many, mounts=mount("/", "253:0")), ROOT) == (set(), False)


def test_boot_has_a_disk_of_its_own() -> None:
    root = host(DISKS, mounts=mount("/", "259:1") + mount("/boot", "8:1"))
    assert of(root, BOOT) == ({SATA}, True)
    assert of(root, ROOT) == ({NVME}, True)


SWAPS = {
    b"/dev/sda1                               partition\t8388604\t0\t-2\n": ({SATA}, True),
    b"/dev/dm-0 partition\t8388604\t0\t-2\n": ({SATA, USB}, True),
    b"/dev/mapper/vg-swap partition\t8388604\t0\t-2\n": ({SATA, USB}, True),
    b"/swap\\040file file\t8388604\t0\t-2\n": ({NVME}, True),
    b"/dev/zram0 partition\t8388604\t0\t100\n": (set(), True),
    b"/dev/zram1 partition\t8388604\t0\t100\n": (set(), False),
    b"/dev/gone partition\t8388604\t0\t-2\n": (set(), False),
    b"": (set(), True),
    b"noise\n": (set(), False),
}


@pytest.mark.parametrize("line", SWAPS)
def test_the_disks_with_swap_are_found(line: bytes) -> None:
    backed: dict[str, Entry] = {"/sys/devices/virtual/block/zram1/backing_dev": b"/dev/sda1\n"}
    parts = virtual("dm-0", "253:0", "sda", "sdb"), virtual("zram0", "251:0")
    link: dict[str, Entry] = {"/dev/mapper/vg-swap": Link("../dm-0")}
    root = host(DISKS, *parts, virtual("zram1", "251:1"), backed, link,
                mounts=mount("/", "259:1"), swaps=line)  # fmt: skip
    assert of(root, needed.SWAP) == SWAPS[line]


def interface(name: str, home: str, *lower: str) -> dict[str, Entry]:
    place = f"/sys/devices/{home}/net/{name}"
    entries: dict[str, Entry] = {place: None, f"/sys/class/net/{name}": Link(place)}
    return entries | {f"{place}/lower_{other}": Link(f"../{other}") for other in lower}


LINKS = [
    interface("eth0", f"pci0000:00/0000:00:1c.0/{NIC}"),
    interface("eth1", f"pci0000:00/{USB}/usb1/1-1"),
    interface("bond0", "virtual", "eth0", "eth1"),
    interface("vlan5", "virtual", "bond0"),
    interface("br0", "virtual", "vlan5", "tap0"),
    interface("tap0", "virtual"),
    interface("ring0", "virtual", "ring1"),
    interface("ring1", "virtual", "ring0", "eth0"),
    interface("ring2", "virtual", "ring2"),
    interface("wg0", "virtual"),
]
IPV6_LINE = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} 00000400 1 0 %s %8s\n"
WAYS: dict[str, tuple[str, str, set[str], bool]] = {
    "an interface": (DEFAULT % "eth0", "", {NIC}, True),
    "a VLAN on a bond": (DEFAULT % "vlan5", "", {NIC, USB}, True),
    "a bridge with a guest": (DEFAULT % "br0", "", {NIC, USB}, False),
    "a ring": (DEFAULT % "ring0", "", {NIC}, True),
    "a ring of nothing": (DEFAULT % "ring2", "", set(), False),
    "a tunnel": (DEFAULT % "wg0", "", set(), False),
    "an interface that is not there": (DEFAULT % "eth9", "", set(), False),
    "two ways": (DEFAULT % "eth0" + DEFAULT % "eth1", "", {NIC, USB}, True),
    "IPv6 alone": ("", IPV6_LINE % ("00000003", "eth1"), {USB}, True),
    "both": (DEFAULT % "eth0", IPV6_LINE % ("00000003", "eth1"), {NIC, USB}, True),
    "a way that rejects": ("", IPV6_LINE % ("00200200", "lo"), set(), True),
    "no default": ("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "", set(), True),
    "a way that is down": ((DEFAULT % "eth0").replace("0003", "0000"), "", set(), True),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_interface_of_the_default_route_is_found(name: str) -> None:
    ipv4, ipv6, functions, whole = WAYS[name]
    second: dict[str, Entry] = {"/proc/net/ipv6_route": ipv6.encode()} if ipv6 else {}
    assert of(host(*LINKS, second, routes=ipv4), needed.NETWORK) == (functions, whole)


CONSOLES: dict[str, tuple[dict[str, Entry], str, set[str]]] = {
    "the boot's VGA": ({f"/sys/bus/pci/devices/{GPU}/boot_vga": b"1\n"}, needed.DISPLAY, {GPU}),
    "another VGA": ({f"/sys/bus/pci/devices/{GPU}/boot_vga": b"0\n"}, needed.DISPLAY, set()),
    "a framebuffer": (
        {"/sys/class/graphics/fb0": Link(f"../../devices/pci0000:00/{GPU}/graphics/fb0")},
        needed.DISPLAY,
        {GPU},
    ),
    "firmware's framebuffer": (
        {"/sys/class/graphics/fb0": Link("../../devices/platform/efi-framebuffer.0/graphics/fb0")},
        needed.DISPLAY,
        set(),
    ),
    "a serial line": (
        {
            "/sys/class/tty/console/active": b"tty0 ttyS4\n",
            "/sys/class/tty/ttyS4": Link(f"../../devices/pci0000:00/{USB}/tty/ttyS4"),
            "/sys/class/tty/tty0": Link(f"../../devices/pci0000:00/{NIC}/tty/tty0"),
        },
        needed.LINE,
        {USB},
    ),
}


@pytest.mark.parametrize("name", CONSOLES)
def test_the_console_is_found(name: str) -> None:
    entries, role, functions = CONSOLES[name]
    assert of(host(entries), role) == (functions, True)


def test_a_host_without_these_files_knows_no_role() -> None:
    found = needed.read(Memory({"/sys": None}), [GPU])
    assert found.roles(GPU) is None
    assert set(found.unknown) == {ROOT, BOOT, needed.SWAP, needed.NETWORK}


def test_a_role_that_is_known_is_told_although_another_is_not() -> None:
    root = host(DISKS, mounts=mount("/", "259:1") + mount("/boot", "0:30", "zfs"))
    assert needed.read(root, []).roles(NVME) == (ROOT,)
    assert needed.read(root, []).roles(SATA) is None


def test_the_asked_devices_get_their_roles_in_words() -> None:
    root = host(DISKS, mounts=mount("/", "8:1") + mount("/boot", "8:1"))
    assert host_critical(root, [SATA, NVME]) == {SATA: f"{ROOT}, {BOOT}"}


def test_a_capture_has_the_roles_alone() -> None:
    known = Roles({NVME: (ROOT, BOOT), NIC: (needed.NETWORK,)}, (needed.SWAP,))
    assert needed.read(Memory({needed.RECORDED: needed.text(known)}), []) == known


def test_a_strangers_roles_are_not_believed() -> None:
    raw = f"{NVME} the disk of /\nx the disk of /\n{NIC} \x1b[2J\n? nonsense\n\xff\n".encode()
    assert needed.read(Memory({needed.RECORDED: raw}), []) == Roles({NVME: (ROOT,)}, ())


def test_the_file_of_mounts_is_read_with_its_escapes() -> None:
    raw = rb"36 35 98:0 /r /mnt/a\040b\134\012c rw - ext4 /dev/x\011y rw" + b"\n"
    assert parse_mounts(raw) == (Mount("98:0", "/mnt/a b\\\nc", "ext4", "/dev/x\ty"),)


def test_a_file_is_on_the_innermost_mount() -> None:
    mounts = parse_mounts(
        (mount("/", "8:1") + mount("/a", "8:2") + mount("/a", "8:3") + mount("/ab", "8:4")).encode()
    )
    found = [around(mounts, path) for path in ("/x", "/a/x", "/ab/x", "/abc", "/a")]
    assert [each.number for each in found if each] == ["8:1", "8:3", "8:4", "8:1", "8:3"]
