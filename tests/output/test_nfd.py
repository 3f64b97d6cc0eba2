"""The feature file of Node Feature Discovery, held against what NFD and Kubernetes accept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, REFUSED, UNKNOWN, vfioguard
from tests.support.hosts import arm_host, x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.nfd import OUTPUT
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.opening import open_root

HOSTS = Path(__file__).parent.parent / "fixtures" / "sysfs"
NOW = "2026-11-22T18:00:00Z"
NAMESPACE = "feature.node.kubernetes.io"

# k8s.io/apimachinery pkg/util/validation: a qualified name's second part, and a label's value.
NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
VALUE = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LONGEST = 63
# source/local/local.go: MaxFeatureFileSize
LARGEST = 65536


def nfd_takes(text: str, now: datetime) -> dict[str, str]:
    """The labels that NFD makes of a file: parseFeatureFile() of its source/local/local.go.

    Stricter than NFD in one thing: what it would only log is an error here.
    """
    assert len(text.encode()) <= LARGEST
    expiry, labels = now, dict[str, str]()
    for line in map(str.strip, text.split("\n")):
        if line.startswith("# +"):
            key, _, value = line.removeprefix("# +").partition("=")
            assert key == "expiry-time", "an unknown directive"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value), "not RFC 3339"
            expiry = datetime.fromisoformat(value)
        elif line and not line.startswith("#") and expiry >= now:
            key, _, value = line.partition("=")
            namespace, _, name = key.partition("/")
            assert namespace == NAMESPACE
            assert NAME.fullmatch(name)
            assert len(name) <= LONGEST
            assert VALUE.fullmatch(value)
            assert len(value) <= LONGEST
            assert key not in labels
            labels[key] = value
    return labels


def labels(text: str, now: str = NOW) -> dict[str, str]:
    """Name without the common beginning -> value."""
    taken = nfd_takes(text, datetime.fromisoformat(now))
    return {key.removeprefix(f"{NAMESPACE}/vfioguard."): value for key, value in taken.items()}


def of(entries: dict[str, Entry]) -> dict[str, str]:
    return labels(OUTPUT.render(evaluate(take(Memory(entries)), NOW), Style()))


def printed(root: str, *arguments: str) -> str:
    return vfioguard("report", "--root", root, "--output", "nfd", *arguments).stdout


@pytest.mark.parametrize(
    ("root", "isolated", "allow_unsafe", "counts"),
    [
        (ALLOWED, "true", "false", "17 0 0 0"),
        (OVERRIDE, "false", "true", "0 8 0 0"),
        (REFUSED, "false", "false", "0 0 0 17"),
        (MIXED, "false", "false", "15 0 0 2"),
        (UNKNOWN, "unknown", "false", "0 0 19 0"),
        (NO_GROUPS, "false", "false", "0 0 0 0"),
    ],
    ids=["allowed", "override", "refused", "mixed", "unknown", "no groups"],
)
def test_a_recorded_host_has_these_labels(
    root: str, isolated: str, allow_unsafe: str, counts: str
) -> None:
    found = labels(printed(root), datetime.now(UTC).isoformat())
    assert found["isolated-msi"] == isolated
    assert found["allow_unsafe_interrupts"] == allow_unsafe
    outcomes = ("allowed", "allowed-by-override", "unknown", "refused")
    assert [found[f"groups.{outcome}"] for outcome in outcomes] == counts.split()
    assert int(found["groups"]) == sum(map(int, counts.split()))


@pytest.mark.parametrize("host", sorted(path.name for path in HOSTS.iterdir()))
def test_the_label_is_true_only_where_every_group_is_allowed(host: str) -> None:
    report = evaluate(take(open_root(str(HOSTS / host / "as-booted.tar.xz"))), NOW)
    found = labels(OUTPUT.render(report, Style()))
    outcomes = {group.outcome for group in report.attachable}
    assert (found["isolated-msi"] == "true") is (outcomes == {"allowed"})


def test_the_whole_attach_is_counted_beside_the_interrupts() -> None:
    host = x86_host(3)
    host["/sys/kernel/iommu_groups/1/reserved_regions"] = (
        b"0x00000000fee00000 0x00000000feefffff msi\n0x0000000080000000 0x0000000080ffffff direct\n"
    )
    found = of(host)
    assert (found["isolated-msi"], found["groups.allowed"]) == ("true", "3")
    assert (found["attach.yes"], found["attach.no"], found["attach.unknown"]) == ("2", "1", "0")


def test_groups_that_nobody_can_attach_are_counted_apart() -> None:
    found = of(x86_host({1: ["ACPI0001:00"], 2: ["0000:02:00.0"]}))
    assert (found["groups"], found["groups.not-attachable"]) == ("1", "1")


def test_groups_that_cannot_be_read_are_unknown_and_not_counted() -> None:
    host = x86_host(3)
    host["/sys/kernel/iommu_groups"] = Refused(13)
    for path in [path for path in host if path.startswith("/sys/kernel/iommu_groups/")]:
        del host[path]
    found = of(host)
    assert found["isolated-msi"] == "unknown"
    assert not [name for name in found if name.startswith("groups")]


def test_an_override_that_loading_the_module_would_set_counts_as_set() -> None:
    host = x86_host(1, override=None)
    assert of(host)["allow_unsafe_interrupts"] == "false"
    host["/etc/modprobe.d/vfio.conf"] = b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n"
    assert of(host)["allow_unsafe_interrupts"] == "true"


def test_an_override_that_cannot_be_read_is_unknown() -> None:
    host = x86_host(1, override=None)
    host["/etc/modprobe.d"] = Refused(13)
    assert of(host)["allow_unsafe_interrupts"] == "unknown"


def test_no_label_names_a_device() -> None:
    few, many = (set(of(arm_host(count))) for count in (1, 40))
    assert few == many


def test_the_labels_expire() -> None:
    text = OUTPUT.render(evaluate(take(Memory(x86_host(1))), NOW), Style(valid_for=90))
    then = datetime.fromisoformat(NOW) + timedelta(seconds=90)
    assert nfd_takes(text, then)
    assert not nfd_takes(text, then + timedelta(seconds=1))


def test_how_long_the_labels_are_valid_can_be_said() -> None:
    text = printed(ALLOWED, "--valid-for", "3600")
    now = datetime.now(UTC)
    assert nfd_takes(text, now + timedelta(minutes=59))
    assert not nfd_takes(text, now + timedelta(minutes=61))


@pytest.mark.parametrize("value", ["0", "-1", "nan", "x", ""])
def test_a_validity_that_makes_no_sense_is_a_usage_error(value: str) -> None:
    result = vfioguard("report", "--root", ALLOWED, "--output", "nfd", "--valid-for", value)
    assert (result.returncode, result.stdout) == (3, "")


def test_only_nfd_expires() -> None:
    result = vfioguard("report", "--root", ALLOWED, "--valid-for", "60")
    assert result.returncode == 3
    assert "--valid-for is for nfd" in result.stderr


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("9999-12-31T23:59:00Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:05:00Z"),
    ],
)
def test_labels_end_in_a_year_that_can_be_written(now: str, end: str) -> None:
    text = OUTPUT.render(evaluate(take(Memory(x86_host(1))), now), Style())
    assert f"# +expiry-time={end}\n" in text
