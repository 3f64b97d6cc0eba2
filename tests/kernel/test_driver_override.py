"""`driver_override` and the function of a network interface, as sysfs shows them."""

from __future__ import annotations

import pytest

from vfioguard.fact import Fact, Gap
from vfioguard.kernel.pci import driver_override
from vfioguard.kernel.roles.network import function_of
from vfioguard.root.memory import Entry, Link, Memory

NAME = "0000:41:00.0"
PLACE = f"/sys/bus/pci/devices/{NAME}"
HOME = f"/sys/devices/pci0000:40/0000:40:01.0/{NAME}"


@pytest.mark.parametrize(
    ("raw", "driver"),
    [(b"(null)\n", ""), (b"\n", ""), (b"vfio-pci\n", "vfio-pci"), (b"a\x1bb\n", "a\\x1bb")],
)
def test_the_driver_is_named_or_none(raw: bytes, driver: str) -> None:
    reading = driver_override.read(Memory({f"{PLACE}/driver_override": raw}), NAME)
    assert isinstance(reading, Fact)
    assert reading.value == driver


@pytest.mark.parametrize("entries", [{}, {f"{PLACE}/driver_override": b"x" * 300}])
def test_what_cannot_be_read_is_a_gap(entries: dict[str, Entry]) -> None:
    assert isinstance(driver_override.read(Memory(entries), NAME), Gap)
    assert driver_override.override(Memory(entries), NAME) is None


def interface(parent: str, home: str) -> Memory:
    return Memory(
        {
            "/sys/class/net/eth0": Link(f"../../{home[5:]}/net/eth0"),
            f"{home}/net/eth0/device": Link(f"../../../{parent}"),
        }
    )


def test_an_interface_is_of_its_function() -> None:
    assert function_of(interface(NAME, HOME), "eth0") == NAME


def test_an_interface_of_virtio_is_of_the_whole_function() -> None:
    assert function_of(interface("virtio3", f"{HOME}/virtio3"), "eth0") == NAME


def test_an_interface_of_a_part_of_a_function_is_of_none() -> None:
    part = interface("mlx5_core.sf.4", f"{HOME}/mlx5_core.sf.4")
    assert function_of(part, "eth0") is None


def test_an_interface_without_hardware_is_of_none() -> None:
    assert function_of(Memory({"/sys/class/net/lo/mtu": b"65536\n"}), "lo") is None
    assert function_of(Memory({}), "eth0") is None
