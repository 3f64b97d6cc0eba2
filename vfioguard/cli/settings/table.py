"""The daemon's settings, one entry each.

From this table come the options of `vfioguard serve`, the keys of /etc/vfioguard.toml, the example
of that file, vfioguard.toml(5) and docs/configuration.md. To add a setting, add an entry.

Only `serve` imports this. A policy pinned in a file would change what a gate answers without a word
on its command line, so `report`, `check` and `explain` read no file.
"""

from __future__ import annotations

import re

from vfioguard.cli.settings.kinds import SWITCH, Setting, Wrong, choice, number, shown, text
from vfioguard.judging.policies import policy_names


def _address(value: str) -> None:
    if not re.fullmatch(r"unix:.+|(\[[^\[\]]*\]|[^:\[\]]*):[0-9]{1,5}", value):
        raise Wrong(f"{shown(value)} is not HOST:PORT, [IPv6]:PORT or unix:PATH")


def _tcp_address(value: str) -> None:
    if not re.fullmatch(r"(\[[^\[\]]*\]|(?!unix:)[^:\[\]]*):[0-9]{1,5}", value):
        raise Wrong(f"{shown(value)} is not HOST:PORT or [IPv6]:PORT")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="acpi-tables",
        kind=text("the path of a directory"),
        default=None,
        metavar="DIR",
        help="a directory of ACPI tables to read instead of the host's own",
        doc=(
            "A directory with copies of the host's ACPI tables, as the kernel shows the tables "
            "to root alone. Each file has the kernel's name for its table (`DMAR`, `IVRS`, "
            "`APIC`, `IORT`, `VIOT`). A file that holds the word `absent` says that the host "
            "does not have the table. A table without a file is read from the host. If this is "
            "not set and `root` is `/`, the directory is `$CREDENTIALS_DIRECTORY`, which "
            "systemd sets."
        ),
        example="/run/credentials/vfioguard.service",
    ),
    Setting(
        key="interval",
        kind=number("seconds", 0.1, 86400),
        default=300.0,
        metavar="SECONDS",
        help="time between two full readings of the host",
        doc=(
            "Time between two full readings of the host. In between the daemon follows uevents, "
            "and looks every `poll-interval` for changes that send none. A full reading finds "
            "any change that both missed. `vfioguard_reconcile_mismatches_total` counts the "
            "groups that the daemon should have followed."
        ),
    ),
    Setting(
        key="policy",
        kind=choice("a policy", policy_names()),
        default=None,
        metavar="NAME",
        help="judge by this policy, not the running kernel's; `policies` lists them",
        doc=(
            "Judge by this policy instead of those that the running kernel has in force. Every "
            "answer then names it. Set it for a host that will get another kernel. `vfioguard "
            "policies` lists the names.\n\n"
            "The setting is for the daemon alone: `vfioguard report`, `check` and `explain` "
            "read no file and have `--policy`."
        ),
        example="iommu_group_has_isolated_msi",
    ),
    Setting(
        key="poll-interval",
        kind=number("seconds", 0.1, 3600),
        default=5.0,
        metavar="SECONDS",
        help="time between two looks for changes that send no uevent",
        doc=(
            "Time between two looks for changes that send no uevent. Each look reads the module "
            "parameters, and the MSIs and types of at least 128 groups. Sixty looks cover all "
            "groups. The list of PCI functions is read as often as a thousandth of the time "
            "allows. If three looks are missed, `/-/ready` answers 503."
        ),
    ),
    Setting(
        key="root",
        kind=text("the path of a directory or a capture"),
        default="/",
        metavar="PATH",
        help="a directory or a capture file",
        doc=(
            "The host to judge. `/` is this host. A directory holds another host's `sys` and "
            "`proc`, such as `/host` in a container. A file is a capture that `vfioguard "
            "capture` made."
        ),
    ),
    Setting(
        key="state-directory",
        kind=text("the path of a directory"),
        default=None,
        metavar="PATH",
        help="where to keep the last state, so that a restart or reboot does not hide what changed",
        doc=(
            "Where to keep the last state of this boot and of the boot before. So the daemon "
            "can tell at its start what changed while it did not run. If this is not set, it is "
            "the first directory of `$STATE_DIRECTORY`, which systemd sets. Without either, no "
            "state is kept."
        ),
        example="/var/lib/vfioguard",
    ),
    Setting(
        key="uevents",
        kind=choice("a source of uevents", ("kernel", "udev", "off")),
        default="kernel",
        metavar="SOURCE",
        help="where uevents come from: kernel, udev, or off",
        doc=(
            "Where uevents come from. `kernel` needs no udevd and works in a sandbox and in a "
            "network namespace. `udev` takes the events of udevd, which sends them after its "
            "rules have run, and only into its own namespace. With `off` the daemon finds "
            "changes by `poll-interval` and `interval` alone, and `/-/ready` expects no events."
        ),
    ),
    Setting(
        key="web.access-log",
        kind=SWITCH,
        default=False,
        metavar="",
        help="log every request",
        doc=(
            "Log a line for every request, with the client, the request and the status. A "
            "request that is turned away is logged in any case, at most one line a second."
        ),
    ),
    Setting(
        key="web.allow-unauthenticated",
        kind=SWITCH,
        default=False,
        metavar="",
        help="let others reach the daemon without TLS or without a password",
        doc=(
            "Serve on addresses that others can reach, without TLS or without a password. Set "
            "it only if the network or a proxy protects the daemon."
        ),
    ),
    Setting(
        key="web.allowed-host",
        kind=text("a host name"),
        default=None,
        metavar="NAME",
        help="another name of this host in URLs, without port",
        doc=(
            "A name, without port, by which TCP clients may ask for this host. `localhost` and "
            "the address that the client connects to are always allowed. Other names are "
            "refused, as a web page could have made them up (DNS rebinding)."
        ),
        repeatable=True,
        example=("host1.example.org",),
    ),
    Setting(
        key="web.config.file",
        kind=text("the path of a file"),
        default=None,
        metavar="PATH",
        help="TLS, users and headers, in the form of Prometheus's exporter-toolkit",
        doc=(
            "A file in the form of Prometheus's exporter-toolkit: TLS, client certificates, "
            "users, headers and a rate limit. It holds for TCP; a UNIX socket has the mode of "
            "its file. The daemon reads the file, certificates and keys again when they change."
        ),
        example="/etc/vfioguard/web.yml",
    ),
    Setting(
        key="web.listen-address",
        kind=text("HOST:PORT, [IPv6]:PORT or unix:PATH", _address),
        default=("127.0.0.1:18346",),
        metavar="HOST:PORT|unix:PATH",
        help="where to serve HTTP",
        doc=(
            "Where to serve HTTP: an address and port, or the path of a UNIX socket. The daemon "
            "makes the socket with mode 0660 and removes it at its end. With port 0 the kernel "
            "chooses a port, and the log names it. An address that others can reach needs "
            "`web.config.file` with TLS and users or client certificates, or "
            "`web.allow-unauthenticated`."
        ),
        repeatable=True,
    ),
    Setting(
        key="web.max-connections",
        kind=number("connections", 1, 65536, whole=True),
        default=96,
        metavar="NUMBER",
        help="the most open connections over TCP",
        doc=(
            "The most open connections over TCP. If one more arrives, the daemon closes the one "
            "that has waited longest without a request. A low limit of open files lowers this "
            "number."
        ),
    ),
    Setting(
        key="web.max-streams",
        kind=number("connections", 1, 65536, whole=True),
        default=16,
        metavar="NUMBER",
        help="the most open streams of events",
        doc=(
            "The most open streams of events, for TCP and for UNIX sockets each. They do not "
            "count as connections of the other two limits."
        ),
    ),
    Setting(
        key="web.max-unix-connections",
        kind=number("connections", 1, 65536, whole=True),
        default=64,
        metavar="NUMBER",
        help="the most open connections over UNIX sockets",
        doc=(
            "The most open connections over UNIX sockets. Connections over TCP take none of "
            "their places."
        ),
    ),
    Setting(
        key="web.probe-address",
        kind=text("HOST:PORT or [IPv6]:PORT", _tcp_address),
        default=None,
        metavar="HOST:PORT",
        help="where to answer /-/healthy and /-/ready alone, to everybody",
        doc=(
            "Where to answer `/-/healthy` and `/-/ready` alone, to everybody: plain HTTP without "
            "TLS, a password or a check of the Host header. It is for probes that can present "
            "none of these, such as those of Kubernetes. An answer is a status and a word, and "
            "says nothing of the host. At most 16 connections are open there, which take no place "
            "of others."
        ),
        repeatable=True,
        example=("0.0.0.0:18347",),
    ),
    Setting(
        key="web.systemd-socket",
        kind=SWITCH,
        default=False,
        metavar="",
        help="serve on the sockets that systemd passes, and no others",
        doc=(
            "Serve on the sockets that systemd passes (`vfioguard.socket`), and on no address "
            "of `web.listen-address`. The sockets survive a restart of the daemon."
        ),
    ),
)
