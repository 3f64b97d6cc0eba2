"""The kernel's log in the forms that people keep: what dmesg prints, the journal, syslog files.

dmesg is util-linux's own. The journal's lines are what journalctl of systemd 252 printed of records
that were written to /dev/kmsg; rsyslog's and BusyBox's are their default templates.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vfioguard.kernel import log

ON = "DMAR-IR: Enabled IRQ remapping in x2apic mode"
ERRATUM = [
    "DMAR-IR: This system BIOS has enabled interrupt remapping",
    "on a chipset that contains an erratum making that",
    "feature unstable.  To maintain system stability",
    "interrupt remapping is being disabled.  Please",
    "contact your BIOS vendor for an update",
]
LOG = (ON, " ".join(ERRATUM))
FAKE = "AMD-Vi: Interrupt remapping enabled"


def kept(text: str) -> log.Log:
    return log.parse(log.select(text.encode()))


#: syslog(2)'s buffer, which `dmesg -F` reads.
BUFFER = "\n".join(
    [
        "<5>[    0.000000] Linux version 6.12.107 (x@y)",
        f"<30>[    0.500000] systemd[1]: {FAKE}",
        f"<6>[    0.900000] {ON}",
        "<4>[    1.000000] " + "\n".join(ERRATUM),
        "<6>[64000.000001] usb 1-1: new device",
        "",
    ]
)


def dmesg(tmp_path: Path, buffer: str, *options: str) -> str:
    (tmp_path / "buffer").write_text(buffer)
    command = ["dmesg", "-F", str(tmp_path / "buffer"), "--nopager", *options]
    environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, env=environment, capture_output=True, check=True, text=True
    ).stdout


@pytest.mark.parametrize(
    "options",
    [
        "", "-T", "-x", "-H", "-e", "-d", "-k", "-x -T", "-x -H", "-x -d",
        "--time-format iso", "--time-format delta", "--time-format reltime", "--time-format ctime",
        "-x --time-format iso", "-x --time-format delta",
    ],
)  # fmt: skip
def test_what_dmesg_prints_with_its_options(tmp_path: Path, options: str) -> None:
    assert kept(dmesg(tmp_path, BUFFER, *options.split())) == LOG


def test_without_stamps_a_message_is_its_first_line(tmp_path: Path) -> None:
    assert kept(dmesg(tmp_path, BUFFER, "-t")) == (ON, ERRATUM[0])


@pytest.mark.parametrize(
    "stamp",
    ["[    1.000000] ", "[Sun Nov 29 11:12:37 2026] ", "Nov 29 11:12:36 vm kernel: [  1.0] "],
)
def test_where_each_line_has_its_stamp_a_message_is_its_first_line(stamp: str) -> None:
    # dmesg -S and -p, /proc/kmsg, a serial console (kernel/printk/printk.c record_print_text()).
    assert kept("".join(f"{stamp}{line}\n" for line in ERRATUM)) == (ERRATUM[0],)


@pytest.mark.parametrize("options", ["-x", "-x -T", "-x -H", "-x --time-format iso", "-r"])
def test_what_a_process_wrote_to_the_buffer_is_not_the_kernels(
    tmp_path: Path, options: str
) -> None:
    buffer = f"<6>[    0.9] {ON}\n<14>[    2.0] {FAKE}\n<30>[    3.0] {FAKE}\n"
    assert kept(dmesg(tmp_path, buffer, *options.split())) == (ON,)


def test_the_caller_is_taken_off_with_the_stamp(tmp_path: Path) -> None:
    buffer = f"<6>[    0.9] [    T1] {ON}\n"
    assert kept(dmesg(tmp_path, buffer, "-T")) == (ON,)


#: How a journal's or a syslog file's lines begin: the kernel's, and those of another process.
NAMED = {
    "journalctl -k": ("Nov 29 11:23:53 vm kernel: ", "Nov 29 11:23:53 vm sshd[219]: "),
    "--no-hostname": ("Nov 29 11:23:53 kernel: ", "Nov 29 11:23:53 "),
    "short-iso": ("2026-11-29T11:23:53+0000 vm kernel: ", "2026-11-29T11:23:53+0000 vm "),
    "short-iso, newer": ("2026-11-29T11:23:53+00:00 vm kernel: ", "2026-11-29T11:23:53+00:00 vm "),
    "short-precise": ("Nov 29 11:23:53.004397 vm kernel: ", "Nov 29 11:23:53.004397 vm foo[2]: "),
    "short-iso-precise": (
        "2026-11-29T11:23:53.004397+0000 vm kernel: ", "2026-11-29T11:23:53.004397+0000 vm ",
    ),
    "short-full": (
        "Sun 2026-11-29 11:23:53 UTC vm kernel: ", "Sun 2026-11-29 11:23:53 UTC vm kernel[21]: ",
    ),
    "short-monotonic": ("[    0.000000] vm kernel: ", "[  724.936795] vm "),
    "short-monotonic --no-hostname": ("[    0.000000] kernel: ", "[  724.936795] "),
    "short-delta": (
        "[    0.000000 <    0.000000 >] vm kernel: ", "[  437.332696 <  436.007069 >] vm ",
    ),
    "short-unix": ("1795951433.004397 vm kernel: ", "1795951433.033284 vm "),
    "rsyslog": ("Nov  9 11:12:36 vm kernel: [    0.900000] ", "Nov  9 11:12:36 vm sshd[21]: "),
    "rsyslog, ISO": (
        "2026-11-29T11:12:36.123456+00:00 vm kernel: [    0.900000] ",
        "2026-11-29T11:12:36.123456+00:00 vm sshd[21]: kernel: ",
    ),
    "rsyslog, callers": ("Nov 29 11:12:36 vm kernel: [    0.900000][    T1] ", "Nov 29 11:12:36 "),
    "BusyBox syslogd": (
        "Nov 29 11:12:36 vm kern.info kernel: [    0.900000] ",
        "Nov 29 11:12:36 vm user.info kernel: ",
    ),
    "BusyBox logread": (
        "Sun Nov 29 11:12:36 2026 kern.warn kernel: [    0.900000] ",
        "Sun Nov 29 11:12:36 2026 daemon.info kernel: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", NAMED)
def test_the_journal_and_syslog_files_in_their_forms(form: str) -> None:
    kernel, other = NAMED[form]
    erratum = ("\n" + " " * len(kernel)).join(ERRATUM)
    lines = ["Linux version 6.12.107 (x@y)", ON, erratum, "usb 1-1: new device"]
    fakes = [f"{other}{FAKE}", f"{other}systemd[1]: {FAKE}"]
    text = "\n".join([*(kernel + line for line in lines), *fakes, ""])
    assert kept(text) == LOG


def test_a_line_end_that_rsyslog_escapes() -> None:
    assert kept("Nov 29 11:12:36 vm kernel: " + "#012".join(ERRATUM) + "\n") == LOG[1:]


def test_a_message_of_several_lines_is_one_record_of_kmsg() -> None:
    assert kept("4,339,5140900,-;" + r"\x0a".join(ERRATUM) + "\n SUBSYSTEM=pci\n") == LOG[1:]


def test_the_further_lines_of_another_message_are_not_kept() -> None:
    text = f"[    0.1] usb 1-1: x\n           {FAKE}\n[    0.9] {ON}\n[    1.0] usb 1-1: y\n  z\n"
    assert log.select(text.encode()) == f"[    0.9] {ON}\n".encode()


@pytest.mark.parametrize(
    "stamp", ["6,1,2,-;", "[    0.000000] ", "Nov 29 11:12:36 vm kernel: ", ""]
)
def test_of_several_boots_the_last_counts(stamp: str) -> None:
    boots = [("6.1.0-1", ON), ("6.1.0-2", FAKE), ("6.1.0-3", "DMAR-IR: x")]
    text = "".join(f"{stamp}Linux version {r} (x@y)\n{stamp}{line}\n" for r, line in boots)
    assert kept(text) == ("DMAR-IR: x",)
    assert kept(text + f"{stamp}Linux version 6.1.0-3 (x@y)\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "12,7,8,-;Linux version 6.1",
        "user  :info  : [    9.0] Linux version 6.1",
        "[    9.0] foo: Linux version 6.1",
        "[    9.0] Linux version of a process",
    ],
)
def test_a_boot_begins_where_the_kernel_says_so(line: str) -> None:
    stamp = "6,1,2,-;" if line.startswith("12,") else "[    0.9] "
    assert kept(f"{stamp}{ON}\n{line}\n") == (ON,)


def test_line_ends_of_other_systems_are_taken_off() -> None:
    assert kept(f"[    0.9] {ON}\r\n[    1.0] x\r\n") == (ON,)


def test_without_a_stamp_on_any_line_the_message_begins_the_line() -> None:
    assert kept(f"Linux version 6.12\n{ON}\nfoo: {FAKE}\n") == (ON,)


@pytest.mark.parametrize("stamp", ["[    0.9] ", "6,1,2,-;", "Nov 29 11:12:36 vm sshd[1]: "])
def test_among_lines_with_stamps_one_without_is_nobodys(stamp: str) -> None:
    assert kept(f"{stamp}foo\n{FAKE}\n") == ()


@pytest.mark.parametrize("line", ["[" + "1" * 100_000, "[1." + "1" * 100_000, "[" + " " * 100_000])
def test_a_hostile_line_takes_no_longer_than_its_length(line: str) -> None:
    assert kept(f"{line}\n" * 20) == ()
