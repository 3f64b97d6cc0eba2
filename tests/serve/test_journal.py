"""Records as a journal's socket receives them."""

from __future__ import annotations

import array
import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.states import group, state
from vfioguard.change import Change, Kind
from vfioguard.change.compare import changes
from vfioguard.change.sentence import sentence
from vfioguard.serve.telling.journal import Journal, is_stderr
from vfioguard.serve.telling.log_lines import MESSAGE_IDS, LogTeller, fields
from vfioguard.verdict import Outcome

REFUSED = changes(state({3: ["a", "b"]}), state([group(3, ["a", "b"], Outcome.REFUSED)]))


class Listener:
    """What journald does: datagrams, and memory files that come as descriptors."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(10)

    def receive(self) -> dict[str, str]:
        return {name: "|".join(values) for name, values in self.receive_all().items()}

    def receive_all(self) -> dict[str, list[str]]:
        size = array.array("i").itemsize
        data, ancillary, _, _ = self._socket.recvmsg(1 << 20, socket.CMSG_LEN(size))
        for _, _, raw in ancillary:
            handle = array.array("i", raw[:size])[0]
            with open(handle, "rb") as file:
                file.seek(0)
                data = file.read()
        return parse(data)

    def close(self) -> None:
        self._socket.close()


def parse(data: bytes) -> dict[str, list[str]]:
    """The protocol's own words: NAME=value, or NAME, eight bytes of length, value."""
    found: dict[str, list[str]] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            name, size = line, int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", name)
        found.setdefault(name.decode(), []).append(value.decode())
        data = rest
    return found


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    one = Listener(tmp_path / "journal")
    yield one
    one.close()


def test_a_change_is_a_record_of_its_own_fields(listener: Listener) -> None:
    LogTeller(Journal(listener.path))(REFUSED)
    assert listener.receive() == {
        "MESSAGE": "group 3 (a (Ethernet controller), b (Ethernet controller)): "
        "allowed -> refused (a device has no MSIs that isolate)",
        "MESSAGE_ID": MESSAGE_IDS[Kind.OUTCOME],
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "vfioguard",
        "VFIOGUARD_KIND": "outcome",
        "VFIOGUARD_DIRECTION": "worse",
        "VFIOGUARD_SUBJECT": "group:3",
        "VFIOGUARD_GROUP": "3",
        "VFIOGUARD_DEVICE": "a|b",
        "VFIOGUARD_BEFORE": "allowed",
        "VFIOGUARD_AFTER": "refused",
        "VFIOGUARD_CAUSE": "a device has no MSIs that isolate",
        "VFIOGUARD_AT": "2026-11-22T18:00:00Z",
    }


def test_a_name_cannot_forge_a_field(listener: Listener) -> None:
    evil = "a\nPRIORITY=0\nMESSAGE=forged"
    LogTeller(Journal(listener.path))(changes(state(), state({0: [evil]})))
    found = listener.receive()
    assert found["PRIORITY"] == "6"
    assert "forged" in found["VFIOGUARD_DEVICE"]
    assert found["MESSAGE"].isprintable()


def test_bytes_that_are_no_text_are_escaped(listener: Listener) -> None:
    LogTeller(Journal(listener.path))(changes(state(), state({0: ["\udcff"]})))
    assert listener.receive()["VFIOGUARD_DEVICE"] == "\\udcff"


def test_a_record_too_large_for_a_datagram_arrives_whole(listener: Listener) -> None:
    huge = {"MESSAGE": "x" * (4 << 20), "PRIORITY": "6"}
    Journal(listener.path).send(list(huge.items()))
    assert listener.receive() == huge


def test_without_a_journal_it_is_a_line_on_stderr(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "vfioguard"):
        LogTeller(Journal(str(tmp_path / "nobody")))(REFUSED)
        LogTeller(None)(REFUSED)
    assert [record.getMessage() for record in caplog.records] == [sentence(REFUSED[0])] * 2


def test_a_journal_that_does_not_keep_up_holds_nothing_up(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "vfioguard"):
        for _ in range(2000):  # net.unix.max_dgram_qlen is 10 to 512
            LogTeller(Journal(listener.path))(REFUSED)
    assert caplog.records


def test_a_storm_is_a_hundred_lines_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    names = [f"d{number}" for number in range(500)]
    storm = changes(state(), state({number: [name] for number, name in enumerate(names)}))
    with caplog.at_level(logging.INFO, "vfioguard"):
        LogTeller(None)(storm)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 101
    assert said[-1] == "400 more changes (400 group_appeared): see /v1/report"


def test_every_kind_has_an_id_of_its_own() -> None:
    assert set(MESSAGE_IDS) == set(Kind)
    assert len(set(MESSAGE_IDS.values())) == len(Kind)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in MESSAGE_IDS.values())


def test_every_id_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "changes.md").read_text()
    for kind, number in MESSAGE_IDS.items():
        assert re.search(rf"^\| `{kind}` \| .* \| `{number}` \|$", text, re.MULTILINE)


def test_a_field_without_a_value_is_left_out() -> None:
    change = Change(kind=Kind.BOOT, subject="host", before="b1", after="b2", at="now")
    assert not {"VFIOGUARD_GROUP", "VFIOGUARD_DEVICE", "VFIOGUARD_CAUSE"} & {
        name for name, _ in fields(change)
    }


def test_stderr_is_the_journal_only_if_it_is_that_very_stream(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as file:
        found = os.fstat(file.fileno())
        name = f"{found.st_dev}:{found.st_ino}"
        assert is_stderr({"JOURNAL_STREAM": name}, file.fileno())
        assert not is_stderr({"JOURNAL_STREAM": f"{name}1"}, file.fileno())
        assert not is_stderr({}, file.fileno())
    assert not is_stderr({"JOURNAL_STREAM": name}, 1 << 20)
