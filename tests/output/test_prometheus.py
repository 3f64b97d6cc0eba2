"""The metrics of a Report; the oracles are Prometheus' own parsers and promtool."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard import leaves
from vfioguard.attach import Backend
from vfioguard.judging.evaluate import evaluate
from vfioguard.metrics.family import Family, Measured
from vfioguard.metrics.of_report import of_report
from vfioguard.output import Style
from vfioguard.output.prometheus import OUTPUT, render
from vfioguard.reading.take import take
from vfioguard.report import Choice, Report
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

HOSTS = sorted((Path(__file__).parent.parent / "fixtures" / "sysfs").iterdir())
Series = dict[tuple[tuple[str, str], ...], float]


def report_of(
    entries: Mapping[str, Entry], pinned: str | None = None, backend: Backend | None = None
) -> Report:
    return evaluate(take(Memory(entries)), "now", Choice(pinned, backend))


def metrics(report: Report) -> dict[str, Series]:
    """Name -> labels -> value, as Prometheus reads them."""
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(OUTPUT.render(report, Style())):
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            key = tuple(sorted(sample.labels.items()))
            assert key not in series, f"{sample.name}{key} is there twice"
            series[key] = sample.value
    return found


def one(series: Series, **labels: str) -> float:
    (value,) = (v for key, v in series.items() if labels.items() <= dict(key).items())
    return value


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_promtool_has_nothing_to_say(host: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    report = evaluate(take(open_root(str(host / "as-booted.tar.xz"))), "now")
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=OUTPUT.render(report, Style()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_outcome_is_counted_for_every_backend_zero_included() -> None:
    groups = metrics(report_of(x86_host(3, remapping=False)))["vfioguard_groups"]
    assert groups == {
        (("backend", backend), ("outcome", outcome)): (
            3 if (backend, outcome) == ("type1", "refused") else 0
        )
        for backend in ("type1", "iommufd")
        for outcome in Outcome
    }


def test_the_counts_of_the_series_stand_beside_those_of_the_kernel() -> None:
    report = report_of(x86_host({1: [Function("0000:01:00.0", None, config=b"")]}, remapping=False))
    found = metrics(report)
    disagree = sum(group.agrees is False for group in report.groups)
    assert found["vfioguard_safe_irq_domain_disagreements"] == {(): disagree}
    for outcome in Outcome:
        ours = sum(group.series.outcome is outcome for group in report.groups)
        assert one(found["vfioguard_safe_irq_domain_groups"], outcome=outcome) == ours


def test_a_refused_function_joins_with_node_exporters_labels() -> None:
    found = metrics(report_of(x86_host({12: ["0000:41:1f.7"]}, remapping=False)))
    assert found["vfioguard_group_needs_override"] == {
        (
            ("backend", "type1"),
            ("bus", "41"),
            ("cause", "unit_cannot_remap"),
            ("device", "1f"),
            ("function", "7"),
            ("group", "12"),
            ("outcome", "refused"),
            ("segment", "0000"),
        ): 1
    }


def test_an_allowed_group_has_no_series_of_its_own() -> None:
    found = metrics(report_of(x86_host(3, remapping=True)))
    assert "vfioguard_group_needs_override" not in found
    assert found["vfioguard_override_needed"] == {(): 0}


def test_members_without_an_address_share_one_series() -> None:
    host = arm_host({4: [Function(f"{n}.dma", None, bus="platform") for n in (1, 2)]}, msis=False)
    report = report_of(host)
    assert report.groups[0].outcome is Outcome.UNKNOWN
    (labels,) = metrics(report)["vfioguard_group_needs_override"]
    assert {"group": "4", "segment": "", "outcome": "unknown"}.items() <= dict(labels).items()


def test_beyond_the_limit_the_least_bad_series_are_cut_and_counted() -> None:
    report = report_of(x86_host(5, remapping=False))
    found = {family.name: list(samples) for family, samples in of_report(report, limit=2)}
    assert len(found["vfioguard_group_needs_override"]) == 2
    assert dict(found["vfioguard_dropped_series"]) == {
        ("vfioguard_group_needs_override",): 3,
        ("vfioguard_group_blocked",): 0,
    }


@pytest.mark.parametrize(("override", "enabled"), [(True, 1), (False, 0)])
def test_the_override_is_told_with_whether_it_is_needed(override: bool, enabled: int) -> None:
    found = metrics(report_of(x86_host(2, remapping=False, override=override)))
    name = "vfio_iommu_type1.allow_unsafe_interrupts"
    assert one(found["vfioguard_override_enabled"], parameter=name) == enabled
    assert found["vfioguard_override_needed"] == {(): 1}


def test_a_parameter_of_a_module_that_is_not_loaded_has_no_value() -> None:
    found = metrics(report_of(x86_host(2, override=None)))
    assert "vfioguard_override_enabled" not in found


def test_whether_the_override_is_needed_is_left_out_where_nobody_knows() -> None:
    report = report_of(arm_host({4: [Function("0000:01:00.0", None)]}, msis=False))
    assert report.groups[0].headline.needs_override is None
    assert "vfioguard_override_needed" not in metrics(report)


@pytest.mark.parametrize(
    ("driver", "remapping", "override", "exposed"),
    [
        ("vfio-pci", False, True, 1),
        ("mlx5_vfio_pci", False, True, 1),
        ("e1000e", False, True, 0),  # nobody has it
        ("vfio-pci", False, False, 0),  # refused: nobody can have it
        ("vfio-pci", False, None, 0),
        ("vfio-pci", True, True, 0),  # the override is not what lets it through
    ],
)
def test_exposed_is_what_the_override_lets_through_and_is_bound_to_vfio(
    driver: str, remapping: bool, override: bool | None, exposed: int
) -> None:
    chip = "IR-PCI-MSIX" if remapping else "PCI-MSIX"
    groups = {
        1: [Function("0000:01:00.0", chip, driver=driver)],
        2: [Function("0000:02:00.0", chip)],
    }
    found = metrics(report_of(x86_host(groups, remapping=remapping, override=override)))
    assert found["vfioguard_groups_exposed"] == {(): exposed}


def test_what_is_not_known_to_be_isolated_is_exposed_by_the_override_as_well() -> None:
    groups = {4: [Function("0000:01:00.0", None, driver="vfio-pci")]}
    report = report_of(arm_host(groups, msis=False, override=True))
    assert report.groups[0].outcome is Outcome.UNKNOWN
    assert metrics(report)["vfioguard_groups_exposed"] == {(): 1}


def test_the_override_of_a_backend_that_does_not_count_exposes_nothing() -> None:
    groups = {1: [Function("0000:01:00.0", "PCI-MSIX", driver="vfio-pci")]}
    host = x86_host(groups, remapping=False, override=True, iommufd=False)
    assert metrics(report_of(host, backend="type1"))["vfioguard_groups_exposed"] == {(): 1}
    assert metrics(report_of(host, backend="iommufd"))["vfioguard_groups_exposed"] == {(): 0}


def test_the_whole_attach_is_counted_by_backend_and_answer_zero_included() -> None:
    host = x86_host(3, remapping=False, override=True, iommufd=False)
    answers = metrics(report_of(host))["vfioguard_attach_groups"]
    assert {key: value for key, value in answers.items() if value} == {
        (("answer", "yes-by-override"), ("backend", "type1")): 3,
        (("answer", "no"), ("backend", "iommufd")): 3,
    }
    assert len(answers) == 8


def test_groups_of_which_no_driver_takes_a_member_are_counted_apart() -> None:
    groups = {1: ["ACPI0001:00"], 2: ["0000:02:00.0"]}
    found = metrics(report_of(x86_host(groups, remapping=False)))
    assert found["vfioguard_groups_not_attachable"] == {(): 1}
    counted = ("vfioguard_groups", "vfioguard_headline_groups", "vfioguard_safe_irq_domain_groups")
    for name in counted:
        assert sum(found[name].values()) == 1, name
    assert [dict(key)["group"] for key in found["vfioguard_group_needs_override"]] == ["2"]


def test_what_blocks_for_good_has_a_series_with_nobody_on_vfio() -> None:
    host = x86_host({1: ["0000:01:00.0"]})
    host["/sys/kernel/iommu_groups/1/reserved_regions"] = (
        b"0x00000000fee00000 0x00000000feefffff msi\n0x0000000080000000 0x0000000080ffffff direct\n"
    )
    (labels,) = metrics(report_of(host))["vfioguard_group_blocked"]
    assert {"blocker": "firmware_memory", "lasting": "true"}.items() <= dict(labels).items()


def test_what_can_be_changed_has_a_series_only_on_vfio() -> None:
    chip = "IR-PCI-MSIX"
    groups = {
        1: [Function("0000:01:00.0", chip, driver="vfio-pci"), Function("0000:01:00.1", chip)],
        2: [Function("0000:02:00.0", chip), Function("0000:02:00.1", chip)],
    }
    (labels,) = metrics(report_of(x86_host(groups)))["vfioguard_group_blocked"]
    assert dict(labels) == {
        "blocker": "not_viable",
        "bus": "01",
        "device": "00",
        "function": "1",
        "group": "1",
        "lasting": "false",
        "segment": "0000",
    }


def test_what_is_bound_to_vfio_is_counted_by_what_the_attach_would_answer() -> None:
    groups = {
        1: [Function("0000:01:00.0", "PCI-MSIX", driver="vfio-pci")],
        2: [Function("0000:02:00.0", "PCI-MSIX")],
        3: [Function("0000:03:00.0", "PCI-MSIX"), Function("0000:03:00.1", driver="vfio-pci")],
    }
    host = x86_host(groups, remapping=False, override=True, iommufd=False)
    bound = metrics(report_of(host))["vfioguard_bound_groups"]
    assert {key: value for key, value in bound.items() if value} == {
        (("backend", "type1"), ("outcome", "allowed-by-override")): 2,
        (("backend", "iommufd"), ("outcome", "refused")): 2,
    }
    assert len(bound) == 8


def test_groups_that_cannot_be_listed_are_not_counted_as_zero() -> None:
    host = x86_host(2)
    host["/sys/kernel/iommu_groups"] = Refused(errno.EACCES)
    found = metrics(report_of(host))
    assert one(found["vfioguard_evidence_readable"], source="/sys/kernel/iommu_groups") == 0
    counts = {"vfioguard_groups", "vfioguard_bound_groups", "vfioguard_groups_exposed"}
    assert not {*counts, "vfioguard_override_needed"} & set(found)


def test_a_host_without_an_iommu_has_zero_groups() -> None:
    found = metrics(report_of({"/proc/sys/kernel/osrelease": b"6.12.0\n"}))
    assert sum(found["vfioguard_groups"].values()) == 0
    assert len(found["vfioguard_groups"]) == 8


def test_a_device_that_is_asleep_is_not_unreadable_evidence() -> None:
    host = x86_host({1: [Function("0000:01:00.0", None, awake=False)]}, remapping=False)
    found = metrics(report_of(host))
    assert set(found["vfioguard_evidence_readable"].values()) == {1.0}


def test_the_policy_that_was_asked_for_decides_alone() -> None:
    found = metrics(report_of(x86_host(2, remapping=False), "iommu_capable"))
    (labels,) = found["vfioguard_policy_info"]
    assert dict(labels) == {"backend": "type1", "policy": "iommu_capable"}
    needs = found["vfioguard_group_needs_override"]
    assert {dict(key)["backend"] for key in needs} == {"type1"}


def test_no_label_of_the_host_is_a_list() -> None:
    units = {f"/sys/class/iommu/dmar{n}/intel-iommu/ecap": b"f020df\n" for n in (1, 2)}
    found = metrics(report_of(x86_host(2, remapping=True) | units))
    (labels,) = found["vfioguard_host_info"]
    assert set(dict(labels)) == {"kernel", "arch"}
    assert found["vfioguard_iommus"] == {(): 3}
    policies = [dict(labels) for labels in found["vfioguard_policy_info"]]
    assert policies
    assert {each["policy"] for each in policies} <= set(leaves.names("vfioguard.policy"))


def test_groups_are_counted_by_cause_whether_bound_and_not_if_allowed() -> None:
    groups = {
        1: [Function("0000:01:00.0", "PCI-MSIX", driver="vfio-pci")],
        2: [Function("0000:02:00.0", "PCI-MSIX")],
        3: [Function("0000:03:00.0", "PCI-MSIX")],
    }
    series = metrics(report_of(x86_host(groups, remapping=False)))["vfioguard_cause_groups"]
    assert one(series, bound="true", outcome="refused") == 1
    assert one(series, bound="false", outcome="refused") == 2
    (cause,) = {dict(labels)["cause"] for labels in series}
    assert cause in leaves.names("vfioguard.cause")
    allowed = metrics(report_of(x86_host(3, remapping=True)))
    assert "vfioguard_cause_groups" not in allowed


def test_there_are_at_most_five_series_for_a_device() -> None:
    few, many = (
        sum(map(len, metrics(report_of(x86_host(n, remapping=False, iommufd=False))).values()))
        for n in (10, 60)
    )
    assert (many - few) / 50 <= 5


@given(st.text(st.characters(codec=None)))
def test_any_label_survives_the_way_to_prometheus(value: str) -> None:
    family = Family(name="x", kind="gauge", help="Text.", labels=("label", "last"))
    text = render(Measured(family, [((value, "1"), 1)]))
    (parsed,) = text_string_to_metric_families(text)
    (sample,) = parsed.samples
    escaped = value.encode("utf-8", "backslashreplace").decode()
    assert sample.labels == {"label": escaped, "last": "1"}


def test_counters_and_infos_are_named_as_the_format_wants_it() -> None:
    seconds = Family(name="a_seconds", kind="counter", help="A.", unit="seconds")
    info = Family(name="b", kind="info", help="B.", labels=("v",))
    asked = (Measured(seconds, [((), 1.5)]), Measured(info, [(("1",), 1)]))
    assert "".join(map(render, asked)) == (
        "# HELP a_seconds_total A.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n"
        '# HELP b_info B.\n# TYPE b_info gauge\nb_info{v="1"} 1\n'
    )
