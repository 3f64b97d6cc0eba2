"""Accepts connections from a listening socket: as many as there is room for, a few at a time.

asyncio's own server accepts all connections that wait, and gives each a task, a transport and a
descriptor before anybody hears of them. Here a connection too many costs only the accept().
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from vfioguard.serve.connection.connections import Connection, Connections, Pool
from vfioguard.serve.telling.log import Trouble

#: The most connections that the kernel may queue. It cuts this to net.core.somaxconn.
_BACKLOG = 4096
#: The most connections that are kept, and that are accepted at all, in one turn of the loop. The
#: other sockets need their turn.
_TAKEN = 2
_CLOSED = 16
#: Bytes that the kernel keeps for a client that does not take them. It doubles this. By default it
#: keeps up to 4 MB (net.ipv4.tcp_wmem), and takes 1 ms to throw them away. Connections inherit it.
_SEND_BUFFER = 256 * 1024
#: Seconds to wait if no descriptor is left.
_PAUSE = 0.2
#: The lack of descriptors is over after these seconds without one.
_QUIET = 60.0


class Accepting:
    """Accepts from one listening socket, from now on. `make` makes the protocol of a connection."""

    def __init__(
        self,
        listening: socket.socket,
        pool: Pool,
        connections: Connections,
        make: Callable[[Connection], asyncio.BaseProtocol],
    ) -> None:
        self._socket = listening
        self._pool = pool
        self._connections = connections
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._begun: set[asyncio.Task[object]] = set()
        self._closed = False
        self._trouble = Trouble("connections are taken again", _QUIET)
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listening.listen(_BACKLOG)
        self._resume()

    def close(self) -> None:
        """Accept no more connections. The socket itself stays open."""
        self._closed = True
        self._loop.remove_reader(self._socket)

    async def wait_closed(self) -> None:
        """Return at once, as nothing is left to do. uvicorn calls it."""

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        taken = 0
        for _ in range(_CLOSED):
            try:
                client, _address = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor or memory: accept() would fail again at once
                self._trouble.here(f"no connection can be taken: {error.strerror}")
                self._loop.remove_reader(self._socket)
                self._loop.call_later(_PAUSE, self._resume)
                return
            self._trouble.gone()
            connection = self._connections.admit(self._pool)
            if connection is None:
                client.close()
                continue
            self._begin(client, connection)
            taken += 1
            if taken == _TAKEN:
                return

    def _begin(self, client: socket.socket, connection: Connection) -> None:
        client.setblocking(False)
        begun = self._loop.connect_accepted_socket(lambda: self._make(connection), client)
        task: asyncio.Task[object] = self._loop.create_task(begun)
        self._begun.add(task)  # the loop itself holds no task
        task.add_done_callback(self._begun.discard)
