"""Laws that hold on every host, whatever it is made of."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.functions import CONFIG_WITH_MSI, CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import arm_host, x86_host
from tests.support.laws import examples
from vfioguard.judging.evaluate import evaluate
from vfioguard.judging.policies import policy_names
from vfioguard.reading.take import take
from vfioguard.report import Choice, Report
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.recording import Recording
from vfioguard.verdict import Outcome, severity

X86_CHIPS = {True: ("IR-PCI-MSIX", "IR-PCI-MSI", None), False: ("PCI-MSIX", "PCI-MSI", None)}
ARM_CHIPS = ("ITS-PCI-MSIX", "GICv2m-PCI-MSIX", "MBI-PCI-MSI", "UNHEARD-OF-MSI", None)
PARAMETERS = tuple(
    f"/sys/module/{module}/parameters/allow_unsafe_interrupts"
    for module in ("vfio_iommu_type1", "iommufd")
)
OTHERS = ("QEMU0002:00", "PNP0103:00")
RELEASES = ("4.9.0", "4.12.0", "4.19.0", "5.10.0", "6.1.0", "6.2.0", "6.3.0", "6.12.0", "7.3.4")


@st.composite
def functions(draw: st.DrawFn, chips: tuple[str | None, ...], index: int) -> Function:
    return Function(
        f"0000:{index + 1:02x}:00.0",
        draw(st.sampled_from(chips)),
        config=draw(st.sampled_from([CONFIG_WITH_MSI, CONFIG_WITHOUT_MSI])),
        awake=draw(st.booleans()),
    )


@st.composite
def hosts(draw: st.DrawFn, override: bool | None = False) -> dict[str, Entry]:
    """A host that could exist: on x86 all MSIs are remapped, or none is."""
    arm, remapping = draw(st.booleans()), draw(st.booleans())
    chips = ARM_CHIPS if arm else X86_CHIPS[remapping]
    groups: dict[int, list[Function | str]] = {}
    for index in range(draw(st.integers(1, 6))):
        groups.setdefault(draw(st.integers(0, 3)), []).append(draw(functions(chips, index)))
    if draw(st.booleans()):
        groups.setdefault(draw(st.integers(0, 4)), []).append(draw(st.sampled_from(OTHERS)))
    release = draw(st.sampled_from(RELEASES))
    iommufd = draw(st.sampled_from([None, override])) if release >= "6.2" else None
    if arm:
        return arm_host(groups, release=release, override=override, iommufd=iommufd)
    return x86_host(
        groups,
        remapping=remapping,
        release=release,
        override=override,
        iommufd=iommufd,
        vendor=draw(st.sampled_from(["intel", "amd"])),
    )


def report(host: dict[str, Entry], policy: str | None = None) -> Report:
    return evaluate(take(Memory(host)), "now", Choice(policy))


def needs(report: Report) -> dict[tuple[int, str], bool | None]:
    found: dict[tuple[int, str], bool | None] = {}
    for group in report.groups:
        found[group.id, "series"] = group.series.needs_override
        for name, verdict in group.backends:
            if verdict is not None:
                found[group.id, name] = verdict.needs_override
    return found


def paths_read(host: dict[str, Entry]) -> list[str]:
    recording = Recording(Memory(host))
    take(recording)
    return sorted(path for path, entry in recording.entries.items() if isinstance(entry, bytes))


@given(hosts(), st.data())
@settings(max_examples=examples(150), deadline=None)
def test_learning_more_never_contradicts(host: dict[str, Entry], data: st.DataObject) -> None:
    paths = paths_read(host)
    hidden = data.draw(st.sets(st.sampled_from(paths), max_size=8))
    still_hidden = data.draw(st.sets(st.sampled_from(sorted(hidden)))) if hidden else set[str]()
    denied = Refused(errno.EACCES)
    knowing_less = needs(report({**host, **dict.fromkeys(hidden, denied)}))
    knowing_more = needs(report({**host, **dict.fromkeys(still_hidden, denied)}))
    for key, answer in knowing_less.items():
        assert answer is None or knowing_more.get(key, answer) in {answer, None}
    for key, answer in needs(report(host)).items():
        assert answer is None or knowing_less.get(key) in {answer, None}


@given(hosts())
@settings(max_examples=examples(100), deadline=None)
def test_a_group_is_never_better_than_its_worst_device(host: dict[str, Entry]) -> None:
    order = {True: 0, None: 1, False: 2}
    for group in report(host, "iommu_group_has_isolated_msi").groups:
        worst = max((device.isolated.truth for device in group.devices), key=lambda t: order[t])
        assert order[group.headline.isolated.truth] >= order[worst]


@given(st.data(), st.sampled_from(policy_names()))
@settings(max_examples=examples(100), deadline=None)
def test_the_override_changes_only_refused_into_allowed_by_override(
    data: st.DataObject, policy: str
) -> None:
    host = data.draw(hosts(override=False))
    host |= dict.fromkeys(PARAMETERS, b"N\n")
    switched = host | dict.fromkeys(PARAMETERS, b"Y\n")
    for before, after in zip(
        report(host, policy).groups, report(switched, policy).groups, strict=True
    ):
        became = {Outcome.REFUSED: Outcome.BY_OVERRIDE}.get(before.outcome, before.outcome)
        assert after.outcome is became
        assert after.headline.isolated == before.headline.isolated


@given(hosts())
@settings(max_examples=examples(100), deadline=None)
def test_the_headline_is_the_worst_of_the_backends(host: dict[str, Entry]) -> None:
    for group in report(host).groups:
        outcomes = [verdict.outcome for _, verdict in group.backends if verdict is not None]
        assert group.outcome is max(outcomes, key=severity)


@given(hosts())
@settings(max_examples=examples(50), deadline=None)
def test_before_6_3_all_groups_of_a_machine_share_one_answer(host: dict[str, Entry]) -> None:
    for policy in ("iommu_capable", "irq_domain_check_msi_remap"):
        answers = {group.headline.isolated.truth for group in report(host, policy).groups}
        assert len(answers) == 1


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_a_contradiction_between_witnesses_is_unknown(vendor: str) -> None:
    host = x86_host(1, vendor=vendor, cmdline=b"intremap=off", release="6.1.0")
    group = report(host).groups[0]
    assert group.outcome is Outcome.UNKNOWN
    assert "contradict" in str(group.headline.isolated)
