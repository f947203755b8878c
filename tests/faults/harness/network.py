"""A network between the platform and PostgreSQL that can fall silent, refuse, and come back."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote, urlsplit

from psycopg import conninfo

_CANCEL = 80877102  # the code of a CancelRequest, in place of a protocol's version
_STARTUP_BYTES = 8


class Network:
    """Forwards connections of one port to a server; `url` is the server's through it.

    `dropped_after`: the first bytes from a client that contain it are forwarded, and nothing
    after them, in either direction: the answer of a COMMIT that never arrives.
    """

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0
        self.is_silent = False
        self.dropped_after: bytes | None = None
        self.cancel_requests = 0

    @property
    def url(self) -> str:
        parts = urlsplit(self.server_url)
        user = f"{quote(parts.username)}@" if parts.username else ""
        return f"postgresql://{user}127.0.0.1:{self._port}{parts.path}?sslmode=disable"

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """End every connection and listen no more: a server that is restarted."""
        assert self._listener is not None
        self._listener.close()
        self.end_connections()
        await asyncio.sleep(0)

    @property
    def is_empty(self) -> bool:
        return not self._connections

    def end_connections(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    def fall_silent(self) -> None:
        """Forward nothing any more and close nothing; new connections hear nothing either."""
        self.is_silent = True
        for connection in self._connections:
            connection.is_silent = True

    def speak_again(self) -> None:
        """Forward what connects from now on; the old connections stay silent."""
        self.is_silent = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer, is_silent=self.is_silent)
        self._connections.add(connection)
        try:
            await connection.serve(self.server_url)
        finally:
            connection.abort()
            self._connections.discard(connection)


class _Connection:
    def __init__(
        self,
        network: Network,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_silent: bool,
    ) -> None:
        self._network = network
        self._reader, self._writer = reader, writer
        self._server: asyncio.StreamWriter | None = None
        self.is_silent = is_silent

    async def serve(self, server_url: str) -> None:
        params = conninfo.conninfo_to_dict(server_url)
        host, port = str(params.get("host") or "localhost"), int(params.get("port") or 5432)
        with suppress(OSError, asyncio.IncompleteReadError):
            first = await self._reader.readexactly(_STARTUP_BYTES)
            self._network.cancel_requests += struct.unpack("!II", first)[1] == _CANCEL
            if host.startswith("/"):
                path = f"{host}/.s.PGSQL.{port}"
                reader, self._server = await asyncio.open_unix_connection(path)
            else:
                reader, self._server = await asyncio.open_connection(host, port)
            if not self.is_silent:
                self._server.write(first)
            await asyncio.gather(
                self._forward(self._reader, self._server, from_client=True),
                self._forward(reader, self._writer, from_client=False),
            )

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        while data := await reader.read(65536):
            if not self.is_silent:
                writer.write(data)
                await writer.drain()
            last = self._network.dropped_after
            if from_client and last is not None and last in data:
                self.is_silent = True
        if not self.is_silent:
            writer.close()

    def abort(self) -> None:
        for writer in (self._writer, self._server):
            if writer is not None:
                writer.transport.abort()


@asynccontextmanager
async def network_to(server_url: str) -> AsyncIterator[Network]:
    """A network that forwards, ended at the end."""
    network = Network(server_url)
    await network.listen()
    try:
        yield network
    finally:
        await network.refuse()
        await until(lambda: network.is_empty)


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for a state."""
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)
