"""What if: the oracle is the recorded host that is so."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.cli.test_cli import vfioguard
from tests.test_agreement import HOSTS
from vfioguard.assumption import NotHere, is_assumed, source
from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.judging.what_if import assume, names, shifts
from vfioguard.logic import agree, ask
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root
from vfioguard.snapshot import Snapshot


def snapshot_of(host: str, state: str = "bound") -> Snapshot:
    return take(open_root(str(HOSTS / host / f"{state}.tar.xz")))


def moved(host: str, states: list[str], kernel: str | None = None) -> Counter[str]:
    """How many groups of a host move from which outcome to which."""
    # The boot with the override is recorded before the attaches, which set the parameter.
    snapshot = snapshot_of(host, "as-booted" if host.endswith("unsafe") else "bound")
    before = evaluate(snapshot, "now").groups
    after = evaluate(assume(snapshot, states, kernel), "now").groups
    rows = shifts(before, after)
    assert sum(len(row.groups) for row in rows) <= len(before)
    return Counter({f"{row.before} -> {row.after}": len(row.groups) for row in rows})


@pytest.mark.parametrize(
    ("host", "state", "shift"),
    [
        ("6.12-amd64--vtd-noir", "intremap=on", "refused -> allowed"),
        ("6.12-amd64--vtd-ir-cmdline-off", "intremap=on", "refused -> allowed"),
        ("6.12lab-amd64--amd-noir-dma", "intremap=on", "refused -> allowed"),
        ("6.12-amd64--vtd-ir", "intremap=off", "allowed -> refused"),
        ("5.10-amd64--vtd-ir", "intremap=off", "allowed -> refused"),
        ("6.12-amd64--vtd-noir", "override=on", "refused -> allowed-by-override"),
        ("6.1-amd64--vtd-noir-unsafe", "override=off", "allowed-by-override -> refused"),
        ("6.12-arm64--its-smmu-acpi", "its=off", "allowed -> refused"),
    ],
)
def test_an_assumed_state_moves_every_group_as_the_host_that_is_so(
    host: str, state: str, shift: str
) -> None:
    groups = len(snapshot_of(host).members)
    assert moved(host, [state]) == {shift: groups}


@pytest.mark.parametrize(
    ("host", "kernel", "other"),
    [
        ("6.1-arm64--noits-smmu-acpi", "6.12", "6.12-arm64--noits-smmu-acpi"),
        ("6.12-amd64--vtd-noir", "7.3", "7.3-amd64--vtd-noir"),
        ("6.1-amd64--vtd-ir", "7.3", "7.3-amd64--vtd-ir"),
        ("6.12-amd64--amd-ir-dma", "7.3.4", "7.3-amd64--amd-ir-dma"),
    ],
)
def test_another_kernel_answers_as_it_did_on_the_same_machine(
    host: str, kernel: str, other: str
) -> None:
    ours = evaluate(assume(snapshot_of(host), [], kernel), "now").groups
    theirs = evaluate(snapshot_of(other), "now").groups
    assert {group.outcome for group in ours} == {group.outcome for group in theirs}


def test_a_release_whose_stable_kernels_differ_decides_only_what_both_forms_say() -> None:
    assert set(moved("6.12-amd64--amd-ir-dma", [], "7.3")) == {"allowed -> unknown"}
    assert not moved("6.12-amd64--vtd-ir", [], "7.3")


@pytest.mark.parametrize("state", ["intremap", "intremap=", "intremap=maybe", "vtd=on", "", "=on"])
def test_what_nobody_can_assume_is_one_line(state: str) -> None:
    with pytest.raises(NotHere, match="there are intremap=on"):
        assume(snapshot_of("6.12-amd64--vtd-ir"), [state], None)


def test_a_state_of_another_architecture_is_said_to_be_none_here() -> None:
    with pytest.raises(NotHere, match="Arm"):
        assume(snapshot_of("6.12-amd64--vtd-ir"), ["its=on"], None)
    with pytest.raises(NotHere, match="x86"):
        assume(snapshot_of("6.12-arm64--its-smmu-acpi"), ["intremap=on"], None)
    with pytest.raises(NotHere, match="no release of Linux"):
        assume(snapshot_of("6.12-amd64--vtd-ir"), [], "banana")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("6.12-arm64--noits-smmu-acpi", "acpi/tables/APIC"),
        ("6.12-arm64--v2m-smmu-acpi", "acpi/tables/APIC"),
        ("6.12-arm64--v2m-smmu-dt", "devicetree"),
        ("7.3.4-arm64--v3m-acpi", "acpi/tables/APIC"),
    ],
)
def test_an_its_that_firmware_does_not_show_cannot_be_assumed(host: str, shown: str) -> None:
    with pytest.raises(NotHere, match=f"the firmware shows no ITS.*{shown}"):
        assume(snapshot_of(host), ["its=on"], None)
    assume(snapshot_of(host), ["its=off"], None)


@pytest.mark.parametrize("host", ["6.12-arm64--its-smmu-acpi", "6.12-arm64--its-smmu-dt"])
def test_an_its_that_firmware_shows_can_be_assumed(host: str) -> None:
    assert not moved(host, ["its=on"])


@pytest.mark.parametrize("name", names())
def test_every_assumption_is_tried_above(name: str) -> None:
    assert name in {"intremap", "override", "its"}


def test_the_report_says_what_it_assumes_and_what_changes() -> None:
    root = str(HOSTS / "6.12-amd64--vtd-noir" / "bound.tar.xz")
    asked = ["report", "--root", root, "--what-if", "intremap=on"]
    lines = vfioguard(*asked).stdout.splitlines()
    assert lines[:2] == ["What if: intremap=on", "  24 groups: refused -> allowed: 0-23"]
    told = json.loads(vfioguard(*asked, "--output", "json").stdout)
    assert told["assumed"] == ["intremap=on"]
    assert [row["after"] for row in told["shifts"]] == ["allowed"]


def test_explain_says_what_the_group_is_today() -> None:
    root = str(HOSTS / "6.12-amd64--vtd-noir" / "bound.tar.xz")
    result = vfioguard("explain", "--root", root, "--what-if", "intremap=on", "group:3")
    assert result.stdout.startswith("What if intremap=on: group 3 is refused today, allowed then.")


def test_what_another_kernel_leaves_open_is_not_cured_by_asking_as_root() -> None:
    root = str(HOSTS / "6.12-amd64--amd-ir-dma" / "bound.tar.xz")
    result = vfioguard("explain", "--root", root, "--kernel", "7.3", "group:0")
    said = " ".join(result.stdout.split())
    assert "group 0 is allowed today, unknown then" in said
    assert "not known: those of the running kernel are no evidence for it" in said
    assert f"[vfioguard explain group:0 --kernel RELEASE --root {root}]" in said
    assert "as root" not in said


def test_the_gate_assumes_nothing() -> None:
    root = str(HOSTS / "6.12-amd64--vtd-noir" / "bound.tar.xz")
    result = vfioguard("check", "--root", root, "--what-if", "intremap=on", "group:3")
    assert result.returncode == 3
    assert "--what-if" in result.stderr


def test_a_state_that_is_on_and_off_at_once_is_no_host() -> None:
    with pytest.raises(NotHere, match="intremap cannot be on and off at once"):
        assume(snapshot_of("6.12-amd64--vtd-noir"), ["intremap=on", "intremap=off"], None)


@pytest.mark.parametrize("target", ["group:0", "EPERM", "0000:00:01.0"])
def test_explain_says_on_one_screen_what_it_assumes(target: str) -> None:
    host = str(HOSTS / "6.12-amd64--amd-ir-cmdline-off" / "bound.tar.xz")
    asked = ("explain", target, "--root", host, "--what-if", "override=on", "--kernel", "7.3")
    lines = vfioguard(*asked).stdout.splitlines()
    assert lines[0].startswith("What if override=on, kernel 7.3:")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    document = json.loads(vfioguard(*asked, "--json").stdout)
    assert document["assumed"] == ["override=on", "kernel 7.3"]


@pytest.mark.parametrize(
    ("host", "state", "silent"),
    [
        ("6.12lab-amd64--vtd-noir", "intremap=on", "firmware_disagrees"),
        ("7.3-amd64--vtd-ir", "override=on", "override_returns"),
        ("7.3-amd64--vtd-ir", "override=on", "override_not_needed"),
    ],
)
def test_no_finding_sets_an_assumption_against_the_host(host: str, state: str, silent: str) -> None:
    report = evaluate(assume(snapshot_of(host), [state], None), "now")
    assert silent not in {finding.name for finding in report.findings}


def test_what_follows_from_an_assumption_is_told() -> None:
    report = evaluate(assume(snapshot_of("6.12-amd64--vtd-noir"), ["override=on"], None), "now")
    assert {finding.name for finding in report.findings} == {"unsafe_override", "override_exposes"}


def test_a_contradiction_with_an_assumption_is_none() -> None:
    assumed = Fact(False, b"N", source("intremap", on=False))
    told = ask("interrupts are remapped", assumed, lambda value: value)
    seen = Fact(True, b"Y", "/proc/interrupts")
    both = agree("interrupts are remapped", [told, ask("they are", seen, lambda value: value)])
    assert is_assumed(both)
    assert not is_assumed(ask("they are", seen, lambda value: value))
