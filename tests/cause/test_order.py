"""What is certain is told before what may be, and is never left out for it."""

from __future__ import annotations

from pathlib import Path

from tests.inference.test_its import NIC
from tests.support.arm_firmware import devicetree_host, tree
from tests.support.causing import causes, causes_in
from vfioguard.fact import Fact
from vfioguard.judging.causes import Causes, causes_of
from vfioguard.judging.evaluate import judge
from vfioguard.logic import ask
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

FIXTURES = Path(__file__).parents[1] / "fixtures"
ANY = Fact(1, b"1", "/any")
#: A chip that no family is known of, above no ITS.
UNKNOWN_CHIP = devicetree_host(tree({}), chips={NIC: f"NEW-MSI-{NIC}"})


def test_a_chip_that_nobody_knows_is_a_cause_if_it_stands_on_no_its() -> None:
    cause = causes(UNKNOWN_CHIP)["msi_controller_open"]
    assert cause.sentence.startswith("MSIs are not isolated")
    assert not cause.helps


def test_a_refusal_by_the_interrupts_stands_before_what_may_refuse() -> None:
    told = causes_in(Memory(UNKNOWN_CHIP))[0]
    assert [cause.name for cause in told] == ["msi_controller_open", "no_cache_coherency"]


def test_what_may_refuse_stands_behind_the_interrupts_even_if_another_blocker_comes_first() -> None:
    judged = judge(take(Memory(UNKNOWN_CHIP)), "now", findings=False)
    (group,) = judged.report.groups
    (perhaps,) = group.attachment.blockers
    sure = perhaps._replace(name="denylist", because=ask("it is listed", ANY, lambda _: True))
    met = group.attachment._replace(blockers=(sure, perhaps), errno="EINVAL", call="bind")
    members = judged.host.snapshot.group(group.id)
    assert members is not None
    names = Causes(judged.host).names(group._replace(attachment=met), members)
    assert names == ("denylist", "msi_controller_open", "no_cache_coherency")


def test_certain_causes_of_recorded_groups_stand_before_the_others() -> None:
    for path in sorted(FIXTURES.glob("sysfs/*/bound.tar.xz")):
        judged = judge(take(open_root(str(path))), "now", findings=False)
        for group in judged.report.groups:
            members = judged.host.snapshot.group(group.id)
            told = causes_of(judged.host, group, members)
            truths = {blocker.name: blocker.because.truth for blocker in group.attachment.blockers}
            refused = group.outcome is Outcome.REFUSED or None
            certain = [truths.get(cause.name, refused) is True for cause in told]
            assert certain == sorted(certain, reverse=True), (path, group.id)
            if group.attachable and refused:
                assert any(cause.name not in truths for cause in told), (path, group.id)
