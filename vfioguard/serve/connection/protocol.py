"""uvicorn's HTTP/1.1, with two things that it lacks: deadlines, and a bound on memory.

An attacker's connection costs about 20 KiB here, whatever it sends or does not read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
import struct
from asyncio.sslproto import SSLProtocol

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from vfioguard.serve.connection.connections import STALL, Connection, Phase, Pool
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.typed import cast

#: Stop writing if 1 byte is not taken, and go on at 0. If both were 0, TLS would stop for no byte.
_UNSENT = 1, 0
_TOO_LONG = "The request is too long: it has 16 KiB at most, with its headers."
#: uvicorn writes to it a line or two for each malformed request, without the peer. Nobody hears it,
#: as the access log, which is bounded, has a line for such a request, and front.py logs exceptions.
_UNHEARD = logging.Logger(__name__, logging.CRITICAL + 1)  # noqa: LOG001 - found by nobody else


class Protocol(H11Protocol, asyncio.BufferedProtocol):
    """One connection. The application finds it as `connection` in the scope's `state`.

    Bytes are read into `buffer`. All connections share it, as asyncio hands over at once what it
    has filled.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        connection: Connection,
        buffer: memoryview,
    ) -> None:
        self.connection = connection
        super().__init__(config, state, {"connection": connection})
        self.logger = _UNHEARD
        self._buffer = buffer
        self._current: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client is there. With TLS, the handshake has ended."""
        super().connection_made(transport)
        # So at most one piece of an answer is held, and `pause_writing` means that it is not taken.
        transport.set_write_buffer_limits(*_UNSENT)
        self.connection.peer = _peer(transport, self.connection.pool)
        if (secure := transport.get_extra_info("ssl_object")) is not None:
            self.connection.names = _names(secure)
        self.connection.open(transport, Phase.HEADERS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.connection.lost()
        super().connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """The buffer for the next bytes: 16 KiB, as h11 keeps them. asyncio would read 256 KiB."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """The buffer has `nbytes` new bytes."""
        if self.connection.phase is Phase.IDLE:
            self.connection.enter(Phase.HEADERS)
        self.data_received(bytes(self._buffer[:nbytes]))
        self._note()

    def send_400_response(self, msg: str) -> None:
        """The client sent no valid request. Say so unless an answer is being sent, and close."""
        self.connection.malformed()
        state = self.conn.our_state
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # the request before it is not answered any more
            cycle.message_event.set()
        if state is h11.IDLE or state is h11.SEND_RESPONSE:
            self._say(problem(400, _TOO_LONG if self._is_too_long() else msg))
        self.transport.close()

    def _is_too_long(self) -> bool:
        """Whether h11 gave up on a request whose headers do not end in what it keeps."""
        kept, _ = self.conn.trailing_data
        return len(kept) > len(self._buffer) and b"\r\n\r\n" not in kept

    def _say(self, body: bytes) -> None:
        headers = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        start = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in start, h11.Data(data=body), h11.EndOfMessage():
            self.transport.write(self.conn.send(event) or b"")

    def on_response_complete(self) -> None:
        """An answer is written. The next request may be here already (pipelining)."""
        self.cycle.body = bytearray()  # the body of the request is not needed any more
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        """The client does not take what we write."""
        self.connection.pause()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken everything."""
        self.connection.resume()
        super().resume_writing()
        self._note()

    def _note(self) -> None:
        """Enter the phase that uvicorn's state shows. For the same request its time goes on."""
        present = self.connection.phase
        theirs = self.conn.their_state
        if self.transport.is_closing() or (present is Phase.HEADERS and theirs is h11.IDLE):
            return
        answered = self.cycle.response_complete and not self.flow.write_paused
        if theirs is h11.SEND_BODY:
            phase = Phase.REST if answered else Phase.BODY
        else:
            phase = Phase.IDLE if answered else Phase.ANSWER
        if phase is not present or self._current is not self.cycle:
            self._current = self.cycle
            self.connection.enter(phase)


class Tls(SSLProtocol):
    """TLS below `Protocol`. The connection is counted from before the handshake.

    asyncio tells its server of a connection only after the handshake, so that silent clients would
    hold descriptors without limit. It also fills a buffer of 256 KiB for each connection.
    """

    max_size = 16 * 1024 + 512  # a record and its overhead (RFC 8446 section 5.2)

    def __init__(self, protocol: Protocol, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        self._connection = protocol.connection
        agreed: asyncio.Future[object] = loop.create_future()
        agreed.add_done_callback(self._agreed)
        super().__init__(
            loop,
            protocol,
            context,
            agreed,
            server_side=True,
            ssl_handshake_timeout=int(Phase.HANDSHAKE.seconds),
            ssl_shutdown_timeout=int(STALL),
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client is there, and has sent nothing yet."""
        transport.set_write_buffer_limits(*_UNSENT)
        self._connection.open(transport, Phase.HANDSHAKE)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, maybe before the handshake has ended."""
        self._connection.lost()
        super().connection_lost(exc)

    def _agreed(self, agreed: asyncio.Future[object]) -> None:
        if not agreed.cancelled() and agreed.exception() is not None:
            self._connection.fail()


def _peer(transport: asyncio.Transport, pool: Pool) -> str:
    """The client's address and port. Over UNIX, its process when it connected (unix(7))."""
    if pool is Pool.UNIX:
        client: socket.socket = transport.get_extra_info("socket")
        packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, gid = struct.unpack("3i", packed)
        return f"pid={pid} uid={uid} gid={gid}"
    name = transport.get_extra_info("peername")
    if not name:  # the client is gone already
        return "?"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _names(secure: ssl.SSLObject) -> frozenset[str]:
    """The alternative names in the client's certificate. Empty if none was verified."""
    certificate = secure.getpeercert() or {}
    pairs = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    return frozenset(
        str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name
        for kind, name in pairs
    )
