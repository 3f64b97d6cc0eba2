"""What the daemon reads in its sandbox, what it is kept from, and tables of every kind."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from typing import Any

from machine import TEST, UNIT, curl, differing, journal, must, run, shown

URL = "http://127.0.0.1:18346"


def with_tables(name: str) -> AbstractContextManager[None]:
    """The tables of a host that has these, as vfioguard-tables.service finds them."""
    directory = TEST / "tables" / name
    text = f"[Unit]\nConditionPathExists=\nConditionPathExists={directory}\n"
    return differing(
        "vfioguard-tables.service", f"{text}[Service]\nEnvironment=TABLES={directory}\n"
    )


def tables() -> None:
    for name, wanted in (
        ("present", {"DMAR": "present", "IVRS": "absent", "APIC": "present"}),
        ("none", {"DMAR": "absent", "IVRS": "absent"}),
        ("large", {"DMAR": "malformed", "APIC": "present"}),
        ("truncated", {"DMAR": "malformed", "APIC": "malformed"}),
        ("missing", {"DMAR": "absent"}),
    ):
        with with_tables(name):
            started = run("systemctl", "restart", UNIT).returncode == 0
            status, body = curl(f"{URL}/v1/firmware")
        said: dict[str, str] = {}
        for table in json.loads(body)["tables"] if not status else []:
            broken = table["state"] == "present" and table["broken"]
            said[table["signature"]] = "malformed" if broken else table["state"]
        found = {signature: said.get(signature) for signature in wanted}
        shown(f"tables {name}: it starts, and says so", started and found == wanted, found)
    must("systemctl", "restart", UNIT)


def probed(drop_in: str) -> dict[str, Any]:
    """What probe.py found before the daemon, in its sandbox."""
    with differing(UNIT, f"{drop_in}\nExecStartPre=python3 {TEST}/probe.py\n"):
        must("systemctl", "restart", UNIT)
        found = re.search(r"^probe (.*)$", journal(), re.MULTILINE)
    if found is None:
        shown("the probe ran in the sandbox", False, journal())
        return {}
    said: dict[str, Any] = json.loads(found[1])
    return said


def sandbox() -> None:
    with with_tables("present"):
        said = probed("[Service]")
    if not said:
        return
    status = said.pop("status")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        shown(f"{name} is empty", int(status[name], 16) == 0, status[name])
    filtered = (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    shown("no new privileges, and system calls are filtered", filtered)
    # systemd's range for dynamic users (Documentation/UIDS-GIDS).
    shown("its user id is for as long as it runs", 61184 <= said["uid"] <= 65519, said.pop("uid"))
    tables = said.pop("tables")
    given = tables.get("DMAR") == tables.get("APIC") == "table" and tables.get("IVRS") == "absent"
    shown("the tables are readable as credentials", given, tables)
    shown("lo is its only network interface", said["interfaces"] == ["lo"], said.pop("interfaces"))
    for name in ("creates in the state directory", "hears uevents"):
        shown(f"it {name}", said[name] == "yes", said.pop(name))
    # What is hidden is not there at all; everything else must be a refusal.
    hidden = {"reads /dev/kmsg", "lists /dev/vfio", "sees PID 1"}
    for name, answer in said.items():
        refused = answer == "ENOENT" if name in hidden else answer not in {"yes", "ENOENT"}
        shown(f"it never {name}", refused, answer)


def full_evidence() -> None:
    said = probed((TEST / "full-evidence.conf").read_text())
    if not said:
        return
    for name in ("lists /sys/kernel/debug", "reads /dev/kmsg"):
        shown(f"with full evidence it {name}", said[name] == "yes", said[name])
    effective = int(said["status"]["CapEff"], 16)
    wanted = 1 << 2 | 1 << 34  # CAP_DAC_READ_SEARCH and CAP_SYSLOG, capabilities(7)
    shown("with two capabilities and no other", effective == wanted, f"{effective:016x}")
    shown("and it never reads /etc/shadow", said["reads /etc/shadow"] == "ENOENT")
    must("systemctl", "restart", UNIT)
