"""What holds of the causes of every recorded host: none is silent, none misleads."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.causing import words
from vfioguard import leaves
from vfioguard.inference.host import Host
from vfioguard.judging.causes import cause_names, causes_of
from vfioguard.judging.evaluate import judge
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.reading.take import take
from vfioguard.report import CauseReport, GroupReport
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

FIXTURES = Path(__file__).parent.parent / "fixtures"
#: These stand beside a clone where the hosts of the field are kept; a clone alone does without.
SHARED = FIXTURES.parent.parent.parent / "shared"
#: Words that mean nothing on other architectures.
X86 = re.compile(
    r"intel_iommu|amd_iommu|VT-d|AMD-?V|intremap|ivrs|IVRS|DMAR|IO-?APIC|noapic|nolapic|VMD|ECAP|"
    r"INTEL|x86",
    re.IGNORECASE,
)


def recorded() -> list[Any]:
    """The captures of this repository, and the hosts of the field."""
    roots = [
        *sorted(FIXTURES.glob("sysfs/*/*.tar.xz")),
        *sorted(FIXTURES.glob("field/*/root.tar.xz")),
        *sorted(SHARED.glob("field/*/root*.tar.xz")),
    ]
    return [pytest.param(root, id=f"{root.parent.name} {root.stem}") for root in roots]


@cache
def _judged(root: Path) -> tuple[Host, list[tuple[GroupReport, tuple[CauseReport, ...]]]]:
    judged = judge(take(open_root(str(root))), "now", findings=False)
    host, known = Host(judged.snapshot), cause_names()
    causes = [
        (group, causes_of(host, group, judged.snapshot.group(group.id)))
        for group in judged.report.groups
    ]
    return host, [(group, tuple(c for c in told if c.name in known)) for group, told in causes]


@pytest.mark.parametrize("root", recorded())
def test_every_group_of_an_x86_that_is_not_isolated_has_a_cause_and_a_change(root: Path) -> None:
    host, groups = _judged(root)
    for group, causes in groups:
        asked = is_x86(host.snapshot.kernel.arch) and group.attachable
        if asked and group.headline.isolated.truth is not True:
            assert causes, f"group {group.id}: {group.headline.isolated}"
            for cause in causes:
                assert cause.change or "no setting" in cause.sentence, cause
                assert cause.helps or "no setting" in cause.sentence, cause


@pytest.mark.parametrize("root", recorded())
def test_a_group_that_is_isolated_has_no_cause(root: Path) -> None:
    for group, causes in _judged(root)[1]:
        backends = [verdict.isolated.truth for _, verdict in group.backends if verdict]
        if group.headline.isolated.truth is True and all(backends):
            assert not causes, group.id


@pytest.mark.parametrize("root", recorded())
def test_a_sentence_is_in_its_denied_form_and_has_a_rule_and_a_proof(root: Path) -> None:
    for _, causes in _judged(root)[1]:
        for cause in causes:
            assert not re.match(r"no: |not \(", cause.sentence, re.IGNORECASE)
            assert cause.sentence.endswith(".")
            assert cause.rule
            assert cause.because.because, cause
            assert cause.because.truth is not True, cause


@pytest.mark.parametrize("root", recorded())
def test_no_word_of_x86_stands_on_another_architecture(root: Path) -> None:
    host, groups = _judged(root)
    if not host.is_x86:
        for _, causes in groups:
            for cause in causes:
                assert not X86.search(words(cause)), words(cause)
                assert not X86.search(cause.rule), cause.rule


def _pairs() -> list[Any]:
    """A host that refuses, and the same machine with the one fact changed."""
    pairs: list[Any] = []
    for release in ("5.10", "6.1", "6.12", "7.3"):
        for off, on in (
            ("vtd-noir", "vtd-ir"),
            ("vtd-ir-cmdline-off", "vtd-ir"),
            ("amd-noir-dma", "amd-ir-dma"),
            ("amd-ir-cmdline-off", "amd-ir-dma"),
        ):
            pair = [f"sysfs/{release}-amd64--{name}/as-booted.tar.xz" for name in (off, on)]
            roots = [FIXTURES / path for path in pair]
            # 7.3 refuses the second machine too, for the class of its southbridge.
            if all(path.exists() for path in roots) and (release, on) != ("7.3", "amd-ir-dma"):
                pairs.append(pytest.param(*roots, id=f"{release} {off} {on}"))
    return pairs


@pytest.mark.parametrize(("off", "on"), _pairs())
def test_a_cause_is_the_fact_in_which_the_accepted_machine_differs(off: Path, on: Path) -> None:
    _, refused = _judged(off)
    other, accepted = _judged(on)
    names = {cause.name for _, causes in refused for cause in causes}
    assert names
    assert {group.outcome for group, _ in accepted} == {Outcome.ALLOWED}
    for name in names:
        caused = leaves.module(f"vfioguard.cause.{name}")._caused
        assert caused(other) is None, f"{name} holds on {on.parent.name} too"


@pytest.mark.parametrize(("off", "on"), _pairs())
def test_the_command_line_that_a_cause_asks_for_is_that_of_the_accepted_machine(
    off: Path, on: Path
) -> None:
    host, refused = _judged(off)
    causes = {cause.name: cause for _, causes in refused for cause in causes}
    if "intremap_off" in causes:
        removed = re.findall(r"`([^`]+)`", causes["intremap_off"].change[0].do)
        kept = [word for word in _options(host) if word not in removed]
        assert kept == _options(_judged(on)[0])


def _options(host: Host) -> list[str]:
    from vfioguard.fact import Fact

    cmdline = host.snapshot.kernel.cmdline
    assert isinstance(cmdline, Fact)
    return list(cmdline.value)
