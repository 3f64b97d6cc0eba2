"""Changes as somebody outside the running daemon sees them: curl, the log, the files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from tests.serve.test_daemon import curl, daemon, wait_until_ready
from tests.serve.test_events import parse
from tests.support.hosts import x86_host
from tests.support.trees import write

OVERRIDE = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


def follow(url: str, *options: str) -> subprocess.Popen[str]:
    program = shutil.which("curl")
    assert program is not None, "curl is missing: apt-get install curl"
    command = [program, "-sSN", "-f", *options, f"{url}/v1/events"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until(client: subprocess.Popen[str], words: str) -> str:
    """What curl printed up to the end of the event that has these words."""
    assert client.stdout is not None
    text = ""
    for line in client.stdout:
        text += line
        if words in text and line == "\n":
            return text
    raise AssertionError(f"no {words!r} in {text!r}")


def test_curl_follows_resumes_and_ends_with_the_daemon(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with daemon(root, "--interval", "0.2") as running:
        wait_until_ready(running)
        with follow(running.url) as first:
            (hello,) = parse(until(first, "id:"))
            (root / OVERRIDE).write_text("Y\n")
            events = parse(until(first, "allowed-by-override"))
            assert events[0]["event"] == "override"
            assert json.loads(events[0]["data"])["after"] is True
            first.terminate()
        with follow(running.url, "-H", f"Last-Event-ID: {hello['id']}") as second:
            again = parse(until(second, "allowed-by-override"))
            assert again[0] == events[0]
            _, metrics = curl(f"{running.url}/metrics")
            assert 'vfioguard_group_changes_total{kind="override"} 1.0\n' in metrics
            assert 'vfioguard_group_changes_total{kind="membership"} 0.0\n' in metrics
            assert "vfioguard_state_kept" in metrics
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 2.5, "it waited for the stream"
            assert second.wait(20) == 0, "the stream did not end as streams end"
    log = "".join(running.log)
    assert "vfioguard: vfio_iommu_type1.allow_unsafe_interrupts is on; it was off\n" in log


def test_a_client_that_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with daemon(root, "--interval", "0.2") as running:
        wait_until_ready(running)
        with follow(running.url) as idle:
            until(idle, "id:")
            os.kill(idle.pid, 19)  # SIGSTOP
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 10
            idle.kill()


def test_one_stream_is_answered_to_head_at_once(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with daemon(root) as running:
        status, head = curl("-I", f"{running.url}/v1/events")
        assert status == 0
        assert "content-type: text/event-stream" in head.lower()


def test_what_changed_between_two_runs_is_told_at_the_start(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2)))
    kept = tmp_path / "kept"
    kept.mkdir()
    with daemon(root, "--state-directory", str(kept)) as running:
        running.wait_for("2 allowed of 2 IOMMU groups")
        assert running.stop() == 0
    assert os.listdir(kept) == ["state.json"]
    (root / OVERRIDE).write_text("Y\n")
    with daemon(root, "--state-directory", str(kept)) as running:
        running.wait_for("allow_unsafe_interrupts is on; it was off")
        assert running.stop() == 0


def test_a_damaged_state_is_a_line_and_the_daemon_goes_on(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2)))
    (tmp_path / "state.json").write_text("{")
    with daemon(root, "--state-directory", str(tmp_path)) as running:
        running.wait_for("2 allowed of 2 IOMMU groups")
        assert running.stop() == 0
    (line,) = [line for line in running.log if "state.json" in line]
    assert re.fullmatch(r"vfioguard: \S+: it is not a state of vfioguard; .* is not known\n", line)
    assert (tmp_path / "state.json.bad-1").read_text() == "{"


def test_an_option_says_how_many_streams_there_may_be(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with daemon(root, "--web.max-streams", "1") as running:
        wait_until_ready(running)
        with follow(running.url) as client:
            until(client, "id:")
            with follow(running.url, "-i") as one_more:
                assert one_more.wait(20) == 22
            client.terminate()


def test_seventeen_streams_are_one_too_many(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with daemon(root) as running, contextlib.ExitStack() as stack:
        wait_until_ready(running)
        clients = [stack.enter_context(follow(running.url)) for _ in range(16)]
        for client in clients:
            until(client, "id:")
        with follow(running.url, "-i") as one_more:
            assert one_more.wait(20) == 22
        status, _ = curl(f"{running.url}/-/healthy")
        assert status == 0
        clients[0].terminate()
        with follow(running.url, "--retry", "9", "--retry-delay", "1") as at_last:
            until(at_last, "id:")
            assert running.stop() == 0
