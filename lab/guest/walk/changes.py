"""What changes the guest: each function is an action of a step, by its name in `ACTIONS`.

A device is named by its id, as 8086:10d3; the first that has it is meant, or `8086:10d3#2`. One
that was plugged in has its name in QEMU, too. An action returns when the host has changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable

PCI = "/sys/bus/pci/devices"
#: Seconds that an action may take, and that the daemon may take to tell of it.
LIMIT = 90.0
#: The functions of each device that was plugged in, by its name in QEMU.
PLUGGED: dict[str, set[str]] = {}


class Late(Exception):
    """Something did not happen in time, or cannot happen."""


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Wait until the condition holds. Raises Late."""
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise Late(f"{what}: not within {LIMIT:.0f} s")
        time.sleep(0.02)


def read(path: str) -> str:
    """The text of a file; empty if there is none."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def write(path: str, text: str) -> None:
    """Write to a file that is there, as `echo` does."""
    with open(path, "w") as file:
        file.write(f"{text}\n")


def functions() -> set[str]:
    """The PCI functions by address."""
    return set(os.listdir(PCI))


def driver(name: str) -> str:
    """The driver of a function; empty if it has none."""
    link = f"{PCI}/{name}/driver"
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else ""


def find(device: str) -> str:
    """The address of the function that is named so. Raises Late if there is none."""
    if device in PLUGGED:
        return min(PLUGGED[device])
    identity, _, number = device.partition("#")
    names = [
        name for name in sorted(functions())
        if f"{read(f'{PCI}/{name}/vendor')[2:]}:{read(f'{PCI}/{name}/device')[2:]}" == identity
    ]  # fmt: skip
    at = int(number or 1)
    if not 0 < at <= len(names):
        raise Late(f"no function is {device}: the host has {len(names)} of {identity}")
    return names[at - 1]


def ask(command: str) -> None:
    """Ask the lab, outside, to give QEMU a command."""
    print(f"\nLAB {read('/proc/uptime').split()[0]} ASK {command}", flush=True)


def plug(device: str) -> None:
    """Plug a device in, in QEMU's words, and wait until its driver has it."""
    name, before = re.findall(r",id=(\w+)", device)[0], functions()
    ask(f"device_add {device}")
    wait("the device comes", lambda: bool(functions() - before))
    wait("its driver takes it", lambda: all(driver(each) for each in functions() - before))
    PLUGGED[name] = functions() - before


def unplug(name: str) -> None:
    """Plug a device out that QEMU calls by that name."""
    gone = PLUGGED.pop(name)
    ask(f"device_del {name}")
    wait("the device goes", lambda: not gone & functions())


def virtual(device: str, count: str) -> None:
    """Give a physical function so many virtual ones."""
    path = f"{PCI}/{find(device)}/sriov_numvfs"
    if count != "0" and read(path) != "0":
        write(path, "0")
    write(path, count)


def bind(device: str, wanted: str) -> None:
    """Bind a function to a driver that need not know its id; `-` is the one that knows it."""
    name = find(device)
    if wanted != "-" and not os.path.isdir(f"/sys/bus/pci/drivers/{wanted}"):
        raise Late(f"no driver is called {wanted}")
    write(f"{PCI}/{name}/driver_override", "" if wanted == "-" else wanted)
    if driver(name):
        write(f"{PCI}/{name}/driver/unbind", name)
    write("/sys/bus/pci/drivers_probe", name)
    wait("the driver", lambda: driver(name) == wanted or (wanted == "-" and driver(name) != ""))


def unbind(device: str) -> None:
    """Take a function from its driver."""
    name = find(device)
    write(f"{PCI}/{name}/driver/unbind", name)


def remove(device: str) -> None:
    """Let the kernel forget a function, which stays where it is."""
    write(f"{PCI}/{find(device)}/remove", "1")


def rescan() -> None:
    """Let the kernel look for functions, and wait until drivers have those but the bridges."""
    before = functions()
    write("/sys/bus/pci/rescan", "1")
    found = {n for n in functions() - before if not read(f"{PCI}/{n}/class").startswith("0x0604")}
    wait("the drivers", lambda: all(map(driver, found)))


def domain(device: str, kind: str) -> None:
    """Give the group of a function without a driver another type: identity, DMA."""
    write(f"{PCI}/{find(device)}/iommu_group/type", kind)


def load(*modules: str) -> None:
    """Load modules, in this order."""
    for module in modules:
        if not os.path.exists(f"/lib/modules/{module}.ko"):
            raise Late(f"the guest has no module {module}")
        # As the guest's init does: no new process reads the config space of a function in D3.
        more = ["disable_idle_d3=1"] if module == "vfio_pci" else []
        subprocess.run(["busybox", "insmod", f"/lib/modules/{module}.ko", *more], check=True)


def unload(*modules: str) -> None:
    """Unload modules, in this order."""
    for module in modules:
        subprocess.run(["busybox", "rmmod", module], check=True)


def parameter(name: str, value: str) -> None:
    """Set a parameter of a module: vfio_iommu_type1.allow_unsafe_interrupts."""
    module, _, key = name.partition(".")
    write(f"/sys/module/{module}/parameters/{key}", value)


ACTIONS: dict[str, Callable[..., None]] = {
    "plug": plug, "unplug": unplug, "virtual": virtual, "bind": bind, "unbind": unbind,
    "remove": remove, "rescan": rescan, "load": load, "unload": unload, "parameter": parameter,
    "domain": domain,
}  # fmt: skip


def act(actions: str) -> None:
    """Do what a step says: an action, or several with `;` between them."""
    for action in actions.split(";"):
        verb, *words = action.split()
        ACTIONS[verb](*words)
