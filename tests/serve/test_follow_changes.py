"""From published reports to counts, events, log and files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.serve.serving import scan_of
from tests.support.hosts import x86_host
from vfioguard.change import Change, Kind
from vfioguard.finding import remapping_lost
from vfioguard.report import Report
from vfioguard.root.memory import Entry
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.serve.telling.state_files import StateFiles

SAFE, LOST = x86_host(2), x86_host(2, remapping=False, release="6.13.0-amd64")


def report_of(entries: Mapping[str, Entry] = SAFE) -> Report:
    return scan_of(entries).report


def followed(
    reports: Sequence[Report],
    boot_id: str = "b1",
    directory: Path | None = None,
) -> tuple[ChangeTeller, list[list[Change]]]:
    """Publish each report when the one before it is done with."""
    told: list[list[Change]] = []
    files = StateFiles(str(directory)) if directory else None
    teller = ChangeTeller(boot_id, files, lambda found: told.append(list(found)))

    async def go() -> None:
        for report in reports:
            await teller.step(report)
            await teller.save()

    asyncio.run(asyncio.wait_for(go(), 20))
    return teller, told


def kinds(found: Sequence[Change]) -> set[Kind]:
    return {change.kind for change in found}


def test_the_first_report_ever_is_no_change() -> None:
    teller, told = followed([report_of()])
    assert told == []
    assert set(teller.counts) == set(Kind)
    assert not any(teller.counts.values())
    assert teller.kept is None


def test_changes_are_counted_told_and_published() -> None:
    teller, told = followed([report_of(), report_of(LOST), report_of(LOST)])
    (found,) = told
    assert kinds(found) == {Kind.KERNEL, Kind.REMAPPING, Kind.OUTCOME}
    assert teller.counts[Kind.OUTCOME] == 2
    assert teller.hub.place("") == len(found)


def test_what_changed_while_it_did_not_run_is_told_at_the_start(tmp_path: Path) -> None:
    followed([report_of()], "b1", tmp_path)
    _, told = followed([report_of(LOST)], "b1", tmp_path)
    assert kinds(told[0]) == {Kind.KERNEL, Kind.REMAPPING, Kind.OUTCOME}
    _, told = followed([report_of(LOST)], "b1", tmp_path)
    assert told == []


def test_after_a_reboot_lost_remapping_is_a_finding_until_the_next_boot(tmp_path: Path) -> None:
    followed([report_of()], "b1", tmp_path)
    for _ in range(2):  # it survives a restart of the daemon
        teller, _ = followed([report_of(LOST)], "b2", tmp_path)
        (found,) = teller.history.add(report_of(LOST)).findings
        kind = remapping_lost.FINDING
        assert (found.name, found.severity) == (kind.name, kind.severity)
        assert (kind.name, kind.find, kind.find_in_groups) == ("remapping_lost", None, None)
        assert found.summary == (
            "interrupt remapping is off since kernel 6.13.0-amd64; it was on under 6.12.0-amd64"
        )
        assert found.because.truth is True
    teller, _ = followed([report_of(LOST)], "b3", tmp_path)
    assert teller.history.add(report_of(LOST)).findings == ()


@pytest.mark.parametrize("entries", [SAFE, x86_host(2, release="6.13.0-amd64")])
def test_history_says_nothing_where_nothing_was_lost(
    tmp_path: Path, entries: dict[str, Entry]
) -> None:
    followed([report_of()], "b1", tmp_path)
    teller, _ = followed([report_of()], "b2", tmp_path)
    report = report_of(entries)
    assert teller.history.add(report) is report


def test_a_boot_is_told_once(tmp_path: Path) -> None:
    followed([report_of()], "b1", tmp_path)
    _, told = followed([report_of(), report_of()], "b2", tmp_path)
    assert [kinds(found) for found in told] == [{Kind.BOOT}]


def test_only_a_changed_state_is_written(tmp_path: Path) -> None:
    followed([report_of()], "b1", tmp_path)
    before = (tmp_path / "state.json").stat().st_ino
    later = report_of()._replace(generated_at="2026-11-23T00:00:00Z")
    followed([report_of(), later], "b1", tmp_path)
    assert (tmp_path / "state.json").stat().st_ino == before
    followed([report_of(LOST)], "b1", tmp_path)
    assert (tmp_path / "state.json").stat().st_ino != before


def test_a_directory_that_cannot_be_written_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    teller, told = followed([report_of(), report_of(LOST), report_of()], "b1", gone)
    assert len(told) == 2
    assert teller.kept is False
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == [f"the state cannot be kept: {gone}: No such file or directory"]


def test_of_reports_that_come_at_once_the_last_is_compared(tmp_path: Path) -> None:
    told: list[list[Change]] = []
    done = asyncio.Event()

    async def go() -> None:
        loop = asyncio.get_running_loop()

        def tell(found: Sequence[Change]) -> None:
            told.append(list(found))
            loop.call_soon_threadsafe(done.set)

        teller = ChangeTeller("b1", StateFiles(str(tmp_path)), tell)
        await teller.step(report_of())
        task = asyncio.create_task(teller.run())
        for report in (report_of(), report_of(LOST), report_of(), report_of(LOST)):
            teller.published(report)
        await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(go(), 20))
    assert [kinds(found) for found in told] == [{Kind.KERNEL, Kind.REMAPPING, Kind.OUTCOME}]
    assert (tmp_path / "state.json").exists(), "kept at the end"


def test_a_bug_in_the_comparing_ends_nothing_but_itself(caplog: pytest.LogCaptureFixture) -> None:
    broken = report_of()._replace(groups=(None,))  # type: ignore[arg-type]
    _, told = followed([report_of(), broken, broken, report_of(LOST)])
    assert Kind.REMAPPING in kinds(told[0])
    assert [record.getMessage() for record in caplog.records] == [
        "what changed could not be compared",
        "what changed is compared again",
    ]
