"""Asks a daemon over HTTP: what it says now, and each change as it tells it."""

from __future__ import annotations

import base64
import http.client
import json
import select
import socket
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from vfioguard.cli.failure import Failure
from vfioguard.fact import printable
from vfioguard.typed import Any, NamedTuple

_UNIX = "unix:"
#: Seconds to wait for an answer, and for the next comment of a silent stream: one comes each 15.
_ANSWER, _SILENCE = 10.0, 40.0
_PORT = 18346
#: The longest line of a stream that is taken, in bytes. An event of the daemon is far shorter.
_LONGEST = 1 << 20
#: The longest answer that is taken, in bytes. A report of 16,384 groups has 10 MB.
_LARGEST = 1 << 28
#: The longest name of an event that is sent back.
_NAME = 200


class Lost(Exception):
    """The daemon does not answer, or not as a daemon does. The message is one line."""


class Now(NamedTuple):
    """What the daemon says: when that became so, the groups in one clause, and the kernel."""

    at: str
    summary: str
    kernel: str


class Event(NamedTuple):
    """A change. `kind` is "reset" if some were missed, and "" for a sign of life.

    The kind "stale" says that the answers are stale, or fresh again if `summary` is "".
    `more` is whether others wait to be read.
    """

    kind: str
    at: str = ""
    direction: str = ""
    summary: str = ""
    more: bool = False


class Daemon:
    """A daemon at `url`: http://HOST:PORT, https://HOST or unix:PATH.

    ~/.netrc may have the user and the password for the host. Raises `Failure` for any other URL,
    and if that file cannot be understood.
    """

    def __init__(self, url: str) -> None:
        self._socket = url.removeprefix(_UNIX) if url.startswith(_UNIX) else None
        self._last = ""
        try:
            self._parts = urlsplit(url)
            port = self._parts.port
        except ValueError:
            raise Failure(f"{printable(url)}: not an address") from None
        if self._socket is None and (
            self._parts.scheme not in {"http", "https"} or not self._parts.hostname
        ):
            raise Failure(
                f"{printable(url)}: give http://HOST:PORT, https://HOST:PORT or unix:PATH"
            )
        if self._socket is None and "@" in self._parts.netloc:
            raise Failure("--url takes no user: give the user and the password in ~/.netrc")
        self._port = port or (443 if self._parts.scheme == "https" else _PORT)
        self._headers = _credentials(self._parts.hostname) if self._socket is None else {}

    def now(self) -> Now:
        """What it says now. Raises `Lost`."""
        try:
            with self._got("/v1/report?proof=none", _ANSWER) as response:
                return _now(_value(response.read(_LARGEST)))
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Lost("the answer is not that of vfioguard") from error

    def events(self) -> Iterator[Event]:
        """Each change from now on, or from the last one that this object gave. Raises `Lost`."""
        try:
            with self._got("/v1/events", _SILENCE) as response:
                yield from self._events(response)
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Lost("an event is not that of vfioguard") from error
        raise Lost("the daemon ended the stream")

    def _events(self, response: http.client.HTTPResponse) -> Iterator[Event]:
        kind = data = ""
        while line := response.readline(_LONGEST).decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                self._last = value if value.isascii() and len(value) <= _NAME else ""
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not name and data:
                yield _event(kind, _value(data))._replace(more=_waits(response))
                kind = data = ""
            elif line.startswith(":"):
                yield Event("")

    @contextmanager
    def _got(self, path: str, patience: float) -> Generator[http.client.HTTPResponse]:
        connection = self._connection(patience)
        headers = {**self._headers, **({"last-event-id": self._last} if self._last else {})}
        try:
            try:
                connection.request("GET", path, headers=headers)
            except UnicodeError as error:  # of a name that no host can have (RFC 5890)
                host = printable(self._parts.hostname or "")
                raise Lost(f"{host} cannot be the name of a host") from error
            with connection.getresponse() as response:
                if response.status != 200:
                    raise Lost(_detail(response))
                yield response
        finally:
            connection.close()

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        if self._socket is not None:
            return _Unix(self._socket, patience)
        host = self._parts.hostname or ""
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, self._port, timeout=patience)
        return http.client.HTTPConnection(host, self._port, timeout=patience)


class _Unix(http.client.HTTPConnection):
    """A connection over the UNIX socket at `path`."""

    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _credentials(host: str | None) -> dict[str, str]:
    """What ~/.netrc has for this host; an entry for any host does not count."""
    from netrc import NetrcParseError, netrc

    try:
        known = netrc().hosts.get(host or "")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError, NetrcParseError) as error:
        raise Failure(f"~/.netrc: {printable(str(error))}") from error
    if known is None:
        return {}
    user, _, password = known
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {token}"}


def _value(text: str | bytes) -> Any:  # noqa: ANN401 - who reads it tells what is wrong
    """What JSON holds. Raises ValueError, for lists within lists without end too."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _waits(response: http.client.HTTPResponse) -> bool:
    """Whether the socket has more. What is read ahead already does not count."""
    return bool(select.select([response], [], [], 0)[0])


def _said(value: object) -> str:
    return printable(str(value))


def _now(report: dict[str, Any]) -> Now:
    counts = Counter(str(group["outcome"]) for group in report["groups"] if group["attachable"])
    order = ("refused", "unknown", "allowed-by-override", "allowed")
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in order if counts[outcome])
    summary = f"{told} of {counts.total()} IOMMU groups" if told else "no IOMMU group"
    if report["stale"] is not None:
        summary += f"; {_stale(report['stale'])}"
    kernel = report["host"]["kernel"] or "unknown"
    return Now(at=_said(report["generated_at"]), summary=_said(summary), kernel=_said(kernel))


def _stale(mark: dict[str, Any]) -> str:
    return f"stale since {mark['since']}: {mark['why']}"


def _event(kind: str, data: dict[str, Any]) -> Event:
    if kind == "reset":
        return Event(kind)
    if kind == "stale":
        mark = data["stale"]
        return Event(kind, summary="" if mark is None else _said(_stale(mark)))
    return Event(
        kind=kind,
        at=_said(data["at"]),
        direction=_said(data["direction"]),
        summary=_said(data["summary"]),
    )


def _detail(response: http.client.HTTPResponse) -> str:
    try:
        detail = _value(response.read(_LONGEST))["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.reason
    return _said(f"{response.status}: {detail}")


def _lost(error: Exception) -> Lost:
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, OSError):
        return Lost(f"the answer is not HTTP: {_said(error)[:80]}")
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Lost(_said(why or type(error).__name__))
