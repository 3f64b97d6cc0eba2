"""The daemon's settings: one entry each, from which everything that knows them is made.

The options of `vfioguard serve`, what /etc/vfioguard.toml may hold, the example of that file,
vfioguard.toml(5) and docs/configuration.md. To add a setting is to add an entry here.

Only `serve` imports this: a pinned policy in a file would change what a gate answers without a
word on its command line, so `report`, `check` and `explain` read no file.
"""

from __future__ import annotations

import re

from vfioguard.cli.settings.kinds import SWITCH, Setting, Wrong, choice, number, shown, text
from vfioguard.judging.policies import policy_names


def _address(value: str) -> None:
    if not re.fullmatch(r"unix:.+|(\[[^\[\]]*\]|[^:\[\]]*):[0-9]{1,5}", value):
        raise Wrong(f"{shown(value)} is not HOST:PORT, [IPv6]:PORT or unix:PATH")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "acpi-tables",
        text("the path of a directory"),
        None,
        "DIR",
        "ACPI tables handed over as files, instead of the host's own",
        "A directory of ACPI tables that somebody with more rights has read, one file each under "
        "the kernel's name (`DMAR`, `IVRS`, `APIC`, `IORT`, `VIOT`): the kernel shows them to root "
        "alone. A file that holds the word `absent` stands for a table which the host has not; a "
        "table without a file is the host's own. Left out, it is `$CREDENTIALS_DIRECTORY`, which "
        "systemd sets, where `root` is `/`.",
        example="/run/credentials/vfioguard.service",
    ),
    Setting(
        "interval",
        number("seconds", 0.1, 86400),
        300.0,
        "SECONDS",
        "time between two full readings of the host",
        "Time between two full readings of the host. In between it is followed: by uevents, and by "
        "looking at what sends none every `poll-interval`. A full reading finds whatever neither "
        "told; `vfioguard_reconcile_mismatches_total` counts what it should not have found.",
    ),
    Setting(
        "policy",
        choice("a policy", policy_names()),
        None,
        "NAME",
        "judge by this predicate, not the running kernel's; `policies` lists them",
        "Judge by this predicate instead of those that the running kernel has in force. Every "
        "answer then names it. For a host that is to be installed with another kernel; leave it "
        "out to be told what the kernel here does. `vfioguard policies` lists the names.\n\n"
        "It binds the daemon alone: `vfioguard report`, `check` and `explain` read no file and "
        "take `--policy`.",
        example="iommu_group_has_isolated_msi",
    ),
    Setting(
        "poll-interval",
        number("seconds", 0.1, 3600),
        5.0,
        "SECONDS",
        "time between two looks for what sends no uevent",
        "Time between two looks for what changes without a uevent: the module parameters each "
        "time, the list of PCI functions for at most a thousandth of the time, the MSIs of devices "
        "and the types of groups of at least 128 groups, all of them in sixty looks. When three "
        "are missed, `/-/ready` answers 503.",
    ),
    Setting(
        "root",
        text("the path of a directory or a capture"),
        "/",
        "PATH",
        "a directory or a capture file",
        "The host to judge: `/`, a directory that holds another host's `sys` and `proc` such as "
        "`/host` in a container, or a capture that `vfioguard capture` made.",
    ),
    Setting(
        "state-directory",
        text("the path of a directory"),
        None,
        "PATH",
        "where the last state is kept, so that a restart or reboot does not hide what changed",
        "Where the last state of this boot and of the one before it are kept, so that what changed "
        "while the daemon did not run is told at its start. Left out, it is the first directory of "
        "`$STATE_DIRECTORY`, which systemd sets; without that nothing is kept.",
        example="/var/lib/vfioguard",
    ),
    Setting(
        "uevents",
        choice("a source of uevents", ("kernel", "udev", "off")),
        "kernel",
        "SOURCE",
        "where uevents come from: kernel, udev, or off",
        "Where uevents come from. `kernel` works in every network namespace, without udevd and in "
        "a sandbox. `udev` are udevd's own, which it sends after its rules have run, and only into "
        "the namespace that it is in. `off` leaves it to `poll-interval` and `interval`; then "
        "`/-/ready` expects none.",
    ),
    Setting(
        "web.access-log",
        SWITCH,
        False,
        "",
        "log every request",
        "Log a line for every request: who asked, for what, and the status. Who is turned away is "
        "logged in any case, but not more than a line a second.",
    ),
    Setting(
        "web.allow-unauthenticated",
        SWITCH,
        False,
        "",
        "let others reach us without TLS or without a password",
        "Serve on addresses that others can reach although nothing here keeps anybody out or from "
        "listening in. For a network that does, or a proxy in front.",
    ),
    Setting(
        "web.allowed-host",
        text("a host name"),
        None,
        "NAME",
        "another name of this host in URLs, without port",
        "A name, without port, by which clients on TCP may ask for this host, beside `localhost` "
        "and the address that they connect to. Other names are refused, as a web page could have "
        "made them up (DNS rebinding).",
        repeatable=True,
        example=("host1.example.org",),
    ),
    Setting(
        "web.config.file",
        text("the path of a file"),
        None,
        "PATH",
        "TLS, users and headers, in the form of Prometheus's exporter-toolkit",
        "A file in the form of Prometheus's exporter-toolkit: TLS, client certificates, users, "
        "headers and a rate limit. It binds TCP; a UNIX socket has its file's mode. Certificates, "
        "keys and the file are read again when they change.",
        example="/etc/vfioguard/web.yml",
    ),
    Setting(
        "web.listen-address",
        text("HOST:PORT, [IPv6]:PORT or unix:PATH", _address),
        ("127.0.0.1:18346",),
        "HOST:PORT|unix:PATH",
        "where to serve HTTP",
        "Where to serve HTTP: addresses of this machine alone, or the path of a UNIX socket, which "
        "is made with mode 0660 and removed at the end. Port 0 lets the kernel choose; the log "
        "says which. What others could reach needs `web.config.file` with TLS and users or client "
        "certificates, or `web.allow-unauthenticated`.",
        repeatable=True,
    ),
    Setting(
        "web.max-connections",
        number("connections", 1, 65536, whole=True),
        96,
        "NUMBER",
        "open connections over TCP at most",
        "Open connections over TCP at most. Where one more comes, the one that has waited longest "
        "without a request is closed. Fewer where the limit of open files asks for it.",
    ),
    Setting(
        "web.max-streams",
        number("connections", 1, 65536, whole=True),
        16,
        "NUMBER",
        "open streams of events at most",
        "Open streams of events at most, over TCP and over UNIX sockets each. They count beside "
        "the other connections.",
    ),
    Setting(
        "web.max-unix-connections",
        number("connections", 1, 65536, whole=True),
        64,
        "NUMBER",
        "open connections over UNIX sockets at most",
        "Open connections over UNIX sockets at most; TCP takes nothing from them.",
    ),
    Setting(
        "web.systemd-socket",
        SWITCH,
        False,
        "",
        "serve on the sockets that systemd passes, and no others",
        "Serve on the sockets that systemd passes (`vfioguard.socket`), and on no address of "
        "`web.listen-address`. They survive a restart of the daemon.",
    ),
)
