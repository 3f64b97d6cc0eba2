"""Guess passwords at `vfioguard serve`, and say how long who is right waits: bench/guessing.py.

The daemon has TLS and users at bcrypt's cost 10. Connections of another process guess, from another
loopback address or the same, by another name, by ever other names or by the very same one. Users
whom the daemon has not seen yet ask meanwhile with the right password, and again after a second
where it says 503. The exit status says whether each of them was let in within the bound.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import multiprocessing
import secrets
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

import bcrypt
import hosts
from flood import Plan, Server

#: Seconds.
_BOUND = 4.0
_PATIENCE = 20.0
_LONGEST = 120.0
_SCRAPER, _ELSEWHERE = "127.0.0.1", "127.0.0.2"


class Attack(NamedTuple):
    """From where, and by which name: {} is a random one."""

    what: str
    address: str
    user: str


ATTACKS = (
    Attack("another address, the same name", _ELSEWHERE, "user0"),
    Attack("another address, ever other names", _ELSEWHERE, "{}"),
    Attack("the same address, another name", _SCRAPER, "admin"),
    Attack("the same address, ever other names", _SCRAPER, "{}"),
    Attack("the same address, the same name", _SCRAPER, "user0"),
)


class Connection:
    """One that is kept, over TLS."""

    def __init__(self, port: int, address: str) -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        self._http = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=30, context=trusting, source_address=(address, 0)
        )

    def ask(self, user: str, password: str) -> int:
        """The status; 0 where the connection was closed."""
        given = base64.b64encode(f"{user}:{password}".encode()).decode()
        try:
            self._http.request("GET", "/-/ready", headers={"Authorization": f"Basic {given}"})
            answer = self._http.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._http.close()
            return 0
        return answer.status


def guess(port: int, attack: Attack, connections: int, stop: Event) -> None:
    """In a process of its own: so many threads, each with its connection, until they are told."""
    statuses: Counter[int] = Counter()
    until = time.monotonic() + _LONGEST

    def one() -> None:
        connection = Connection(port, attack.address)
        while not stop.is_set() and time.monotonic() < until:
            name = attack.user.format(secrets.token_hex(4))
            statuses[connection.ask(name, secrets.token_hex(8))] += 1

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"    the guessers' answers: {dict(sorted(statuses.items()))}", flush=True)


def let_in(port: int, user: str, password: str) -> float:
    """Seconds until somebody with the right password is let in, as a client that obeys 503."""
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE:
        connection = Connection(port, _SCRAPER)
        status = connection.ask(user, password)
        if status == 200:
            return time.monotonic() - began
        time.sleep(1 if status == 503 else 0.05)
    return _PATIENCE


def measure(port: int, attack: Attack, users: dict[str, str], options: argparse.Namespace) -> bool:
    """One attack, during which each of these is let in for the first time."""
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=guess, args=(port, attack, options.connections, stop))
    process.start()
    try:
        time.sleep(1)
        waited: list[float] = []
        for user, password in users.items():
            waited.append(let_in(port, user, password))
            time.sleep(options.pause)
    finally:
        stop.set()
        process.join()
    worst = max(waited)
    print(
        f"{attack.what}: of {len(waited)} users not seen before the last was let in after "
        f"{worst:.2f} s, half of them after {sorted(waited)[len(waited) // 2]:.2f} s",
        flush=True,
    )
    return worst <= options.bound


@contextlib.contextmanager
def configured(passwords: dict[str, str]) -> Iterator[str]:
    """A web config file with a certificate and these users."""
    with tempfile.TemporaryDirectory(prefix="vfioguard-guessing-") as directory:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
        lines = ["tls_server_config:", "  cert_file: cert.pem", "  key_file: key.pem"]
        lines.append("basic_auth_users:")
        for user, password in passwords.items():
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
            lines.append(f"  {user}: {hashed}")
        path = Path(directory, "web.yml")
        path.write_text("\n".join(lines) + "\n")
        yield str(path)


def main() -> int:
    """Every attack, each against a daemon that has seen nobody yet."""
    parser = argparse.ArgumentParser(description="Guess passwords at vfioguard serve.")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two users")
    parser.add_argument("--bound", type=float, default=_BOUND)
    options = parser.parse_args()
    users = {f"user{number}": secrets.token_hex(8) for number in range(options.users)}
    kept: list[bool] = []
    with (
        tempfile.TemporaryDirectory(prefix="vfioguard-host-", dir="/dev/shm") as root,
        configured({**users, "admin": secrets.token_hex(8)}) as config,
    ):
        hosts.make(Path(root), 64)
        for attack in ATTACKS:
            with tempfile.TemporaryDirectory(prefix="vfioguard-guessing-") as directory:
                plan = Plan("guessing", options.connections, 1024)
                server = Server(plan, root, directory, ["--web.config.file", config])
                try:
                    kept.append(measure(server.port, attack, users, options))
                finally:
                    server.process.kill()
                    server.process.wait()
    print(f"{sum(kept)} of {len(kept)} attacks kept the bound of {options.bound:.0f} s")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
