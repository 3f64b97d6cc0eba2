"""The sums over a fleet and its screen, of hosts that are made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.hosts import x86_host
from vfioguard.fleet.of_host import FleetHost, HostCause, of_report
from vfioguard.fleet.sums import Fleet, NotJudged, fleet_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.fleet.text import fleet_text
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory
from vfioguard.verdict import Outcome

_WORDS = st.text("abcdefghij_", min_size=1, max_size=30)
_CAUSES = st.builds(
    HostCause,
    name=st.sampled_from([f"cause_{number}" for number in range(40)]),
    outcome=st.sampled_from([None, *Outcome]),
    groups=st.integers(0, 5000),
    bound=st.integers(0, 5000),
    sentence=_WORDS,
    change=st.lists(st.text("abc ", max_size=200), max_size=2).map(tuple),
)
_HOSTS = st.builds(
    FleetHost,
    path=st.lists(_WORDS, min_size=1, max_size=5).map(
        lambda names: f"/captures/{'/'.join(names)}.tar.xz"
    ),
    kernel=st.sampled_from([None, "6.1", "6.12"]),
    groups=st.dictionaries(st.sampled_from(Outcome), st.integers(1, 4096)).map(
        lambda numbers: tuple(numbers.items())
    ),
    causes=st.lists(_CAUSES, max_size=8).map(tuple),
    findings=st.lists(st.tuples(_WORDS, st.sampled_from(["warning", "critical"])), max_size=4).map(
        tuple
    ),
)
_FAILED = st.builds(NotJudged, path=_WORDS, why=_WORDS)
_FLEETS = st.builds(fleet_of, st.lists(_HOSTS, max_size=30), st.lists(_FAILED, max_size=9))


def _host(name: str, groups: int, *, remapping: bool, override: bool = False) -> FleetHost:
    entries = x86_host(groups, remapping=remapping, override=override)
    return of_report(name, evaluate(take(Memory(entries)), "now"))


@given(_FLEETS)
def test_a_fleet_has_one_screen_of_80_columns(fleet: Fleet) -> None:
    lines = list(fleet_text(fleet, Style()))
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines)


def test_a_capture_deep_in_a_tree_is_named_by_the_end_of_its_path() -> None:
    deep = f"/captures/{'rack/' * 20}"
    hosts = [_host(f"{deep}{name}.tar.xz", 3, remapping=False) for name in ("first", "second")]
    other = _host("/captures/third.tar.xz", 1, remapping=False)
    failed = [NotJudged(f"{deep}broken.tar.xz", "not a capture")]
    lines = list(fleet_text(fleet_of([*hosts, other], failed), Style()))
    assert any(line.endswith("/rack/first.tar.xz") for line in lines)
    assert any(line.endswith("/rack/broken.tar.xz: not a capture") for line in lines)
    assert all(len(line) <= 80 for line in lines)


@given(_FLEETS)
def test_all_tells_every_cause_and_every_host(fleet: Fleet) -> None:
    text = "\n".join(fleet_text(fleet, Style(every_group=True)))
    for host in fleet.judged:
        assert host.path.rpartition("/")[2] in text
    for cause in fleet.causes:
        assert f": {cause.name}: " in text
    for each in fleet.not_judged:
        assert f": {each.why}" in text


@given(st.lists(_HOSTS, max_size=12), st.randoms())
def test_the_sums_do_not_depend_on_the_order_and_lose_nothing(hosts, random) -> None:  # type: ignore[no-untyped-def]
    distinct = list({host.path: host for host in hosts}.values())
    fleet = fleet_of(distinct, ())
    shuffled = list(distinct)
    random.shuffle(shuffled)
    assert fleet_of(shuffled, ())._replace(causes=()) == fleet._replace(causes=())
    assert sum(number for _, number in fleet.groups) == sum(
        number for host in distinct for _, number in host.groups
    )
    assert sum(number for _, number in fleet.hosts) == len(distinct)
    assert sum(cause.groups for cause in fleet.causes) == sum(
        cause.groups for host in distinct for cause in host.causes
    )


def test_the_worst_outcome_is_told_before_the_most_frequent() -> None:
    fleet = fleet_of(
        [
            _host("refused", 3, remapping=False),
            _host("a", 9, remapping=False, override=True),
            _host("b", 9, remapping=False, override=True),
            _host("good", 5, remapping=True),
        ],
        (),
    )
    assert [(cause.outcome, len(cause.paths), cause.groups) for cause in fleet.causes] == [
        (Outcome.REFUSED, 1, 3),
        (Outcome.BY_OVERRIDE, 2, 18),
    ]
    assert fleet.hosts == ((Outcome.REFUSED, 1), (Outcome.BY_OVERRIDE, 2), (Outcome.ALLOWED, 1))
    assert [host.path for host in fleet.judged] == ["refused", "a", "b", "good"]


def test_a_host_without_a_group_is_no_better_than_one_with_the_override() -> None:
    without = of_report("none", evaluate(take(Memory({"/proc/cmdline": b"\n"})), "now"))
    assert without.worst is None
    fleet = fleet_of([_host("o", 2, remapping=False, override=True), without], ())
    assert [outcome for outcome, _ in fleet.hosts] == [None, Outcome.BY_OVERRIDE]
