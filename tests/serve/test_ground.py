"""What the daemon uses of libraries beyond what they promise, part by part.

A new version that lacks one fails here with a sentence that names the part and who relies on it.
The upper bounds in pyproject.toml keep such a version away from users until then.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import platform
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from importlib.metadata import version
from typing import NamedTuple

import h11
import pytest
import pyudev
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from vfioguard.serve.connection.connections import Connections, Limits, Pool
from vfioguard.serve.connection.protocol import Protocol, Tls
from vfioguard.serve.connection.server import Server
from vfioguard.serve.senses.uevents import Watcher


class Method(NamedTuple):
    """`owner.name(*parameters)`, which `user` overrides or calls."""

    owner: type
    name: str
    parameters: tuple[str, ...]
    user: type
    purpose: str

    def failing(self) -> str:
        """A sentence about what is not as it was; "" where all is well."""
        function = getattr(self.owner, self.name, None)
        if function is None:
            return f"{self._title()} is gone; {self._reliance()}"
        found = tuple(inspect.signature(function).parameters)[1:]
        if found[: len(self.parameters)] != self.parameters:
            return f"{self._title()} takes {found}, not {self.parameters}; {self._reliance()}"
        return ""

    def _title(self) -> str:
        return f"{release(self.owner)}: {self.owner.__name__}.{self.name}"

    def _reliance(self) -> str:
        return f"{self.user.__module__}.{self.user.__name__} relies on it: {self.purpose}"


def release(owner: type) -> str:
    """The library of a class, and its version."""
    library = owner.__module__.partition(".")[0]
    if library == "asyncio":
        return f"Python {platform.python_version()}"
    return f"{library} {version(library)}"


METHODS = [
    Method(H11Protocol, "__init__", ("config", "server_state", "app_state"), Protocol,
           "makes a connection whose `app_state` is the `state` of each request"),
    Method(H11Protocol, "connection_made", ("transport",), Protocol,
           "limits what is written before the client has taken it, and starts the deadline"),
    Method(H11Protocol, "connection_lost", ("exc",), Protocol,
           "gives the connection's place to the next client"),
    Method(H11Protocol, "data_received", ("data",), Protocol,
           "hands over what was read into the buffer that all connections share"),
    Method(H11Protocol, "send_400_response", ("msg",), Protocol,
           "answers what is no HTTP request with application/problem+json, and counts it"),
    Method(H11Protocol, "on_response_complete", (), Protocol,
           "frees the body of the request, and sees that the client is idle"),
    Method(H11Protocol, "pause_writing", (), Protocol,
           "starts the deadline of a client that does not read"),
    Method(H11Protocol, "resume_writing", (), Protocol, "ends that deadline"),
    Method(uvicorn.Server, "serve", ("sockets",), Server, "runs everything below"),
    Method(uvicorn.Server, "startup", ("sockets",), Server,
           "takes connections by itself, as many as there is room for"),
    Method(uvicorn.Server, "main_loop", (), Server, "wakes up once a second, not ten times"),
    Method(uvicorn.Server, "on_tick", ("counter",), Server,
           "closes who is too slow; the number 0 makes the Date header anew"),
    Method(uvicorn.Server, "shutdown", ("sockets",), Server,
           "answers those who have been taken before it closes"),
    Method(uvicorn.Server, "capture_signals", (), Server, "leaves the signals to the daemon"),
    Method(SSLProtocol, "__init__",
           ("loop", "app_protocol", "sslcontext", "waiter", "server_side"), Tls,
           "counts a connection from before its handshake"),
    Method(SSLProtocol, "connection_made", ("transport",), Tls,
           "starts the deadline of the handshake"),
    Method(SSLProtocol, "connection_lost", ("exc",), Tls,
           "gives the connection's place to the next client"),
    Method(pyudev.Monitor, "_receive_device", (), Watcher,
           "takes an event without Monitor.poll(), which fails for ever after an overrun"),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda one: f"{one.owner.__name__}.{one.name}")
def test_a_method_is_there_with_its_parameters(method: Method) -> None:
    assert method.failing() == ""


def test_what_is_gone_is_told_by_a_sentence() -> None:
    gone = Method(pyudev.Monitor, "_no_such", (), Watcher, "to see it fail")
    other = Method(H11Protocol, "connection_lost", ("why",), Protocol, "to see it fail")
    assert gone.failing() == (
        f"pyudev {version('pyudev')}: Monitor._no_such is gone; "
        f"{Watcher.__module__}.Watcher relies on it: to see it fail"
    )
    assert "H11Protocol.connection_lost takes ('exc',), not ('why',); " in other.failing()


class Field(NamedTuple):
    """An attribute that `user` reads or sets, of an object that exists during a request."""

    path: str
    kind: type
    user: type
    purpose: str

    def failing(self, objects: dict[str, object]) -> str:
        """A sentence about what is not as it was; "" where all is well."""
        name, *attributes = self.path.split(".")
        found = objects[name]
        for attribute in attributes:
            if not hasattr(found, attribute):
                return self._told(f"{attribute} is gone")
            found = getattr(found, attribute)
        return "" if isinstance(found, self.kind) else self._told(f"it is {found!r}")

    def _told(self, what: str) -> str:
        who = f"{self.user.__module__}.{self.user.__name__}"
        return f"{release(uvicorn.Server)}: {self.path}: {what}; {who} relies on it: {self.purpose}"


FIELDS = [
    Field("H11Protocol.logger", logging.Logger, Protocol,
          "silences two lines for each malformed request"),
    Field("H11Protocol.transport", asyncio.Transport, Protocol, "writes a 400, and closes"),
    Field("H11Protocol.conn", h11.Connection, Protocol,
          "sees which side speaks, and so which deadline runs"),
    Field("H11Protocol.cycle.response_complete", bool, Protocol, "sees that the client is idle"),
    Field("H11Protocol.cycle.disconnected", bool, Protocol,
          "stops an answer behind which a malformed request came"),
    Field("H11Protocol.cycle.message_event", asyncio.Event, Protocol,
          "wakes the application then"),
    Field("H11Protocol.cycle.body", bytearray, Protocol,
          "frees the body of a request that is answered"),
    Field("H11Protocol.flow.write_paused", bool, Protocol,
          "sees that the client has not taken the answer"),
    Field("Server.config", uvicorn.Config, Server, "makes a connection"),
    Field("Server.server_state", ServerState, Server, "makes a connection"),
    Field("Server.server_state.connections", set, Server, "waits for them when it stops"),
    Field("Server.started", bool, Server, "says that there is something to shut down"),
    Field("Server.should_exit", bool, Server, "ends the main loop"),
    Field("Server.force_exit", bool, Server, "ends without waiting, when it is asked again"),
]  # fmt: skip


def begun(app: ASGIApp, pool: Pool) -> tuple[Server, Protocol]:
    """Our server and one connection, within the event loop."""
    connections = Connections(Limits(1, 1, 1))
    server = Server(app, connections)
    server.config.load()
    connection = connections.admit(pool)
    assert connection is not None
    return server, Protocol(server.config, server.server_state, connection, connections.buffer)


@pytest.fixture(scope="module")
def met() -> dict[str, object]:
    """Our server's objects as one request meets them, and the scope of that request."""
    objects: dict[str, object] = {}

    async def go() -> None:
        asked = asyncio.Event()

        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            objects["scope"] = scope
            asked.set()

        server, protocol = begun(app, Pool.UNIX)
        ours, theirs = socket.socketpair()
        with theirs:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, ours
            )
            theirs.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asked.wait()
            transport.abort()
        objects.update(H11Protocol=protocol, Server=server)

    asyncio.run(asyncio.wait_for(go(), 20))
    return objects


@pytest.mark.parametrize("field", FIELDS, ids=lambda one: one.path)
def test_a_field_is_there_and_of_its_kind(field: Field, met: dict[str, object]) -> None:
    assert field.failing(met) == ""


def test_what_is_of_another_kind_is_told_by_a_sentence(met: dict[str, object]) -> None:
    gone = Field("H11Protocol.cycle.no_such", bool, Protocol, "to see it fail")
    other = Field("Server.started", str, Server, "to see it fail")
    assert gone.failing(met) == (
        f"uvicorn {version('uvicorn')}: H11Protocol.cycle.no_such: no_such is gone; "
        f"{Protocol.__module__}.Protocol relies on it: to see it fail"
    )
    assert ": Server.started: it is False; " in other.failing(met)


def test_the_application_finds_our_connection_in_the_state_of_each_request(
    met: dict[str, object],
) -> None:
    scope, protocol = met["scope"], met["H11Protocol"]
    assert isinstance(scope, dict)
    assert isinstance(protocol, Protocol)
    assert scope["state"]["connection"] is protocol.connection


def test_asyncio_makes_the_buffer_of_tls_as_small_as_we_say() -> None:
    """A silent client costs `max_size` bytes; asyncio's own value is 256 KiB."""

    async def nobody(_scope: Scope, _receive: Receive, _send: Send) -> None: ...

    async def size() -> int:
        _, protocol = begun(nobody, Pool.TCP)
        tls = Tls(protocol, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        buffer = tls.get_buffer(-1)
        tls.connection_lost(None)
        return len(buffer)

    assert asyncio.run(size()) == Tls.max_size < SSLProtocol.max_size
