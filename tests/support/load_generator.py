"""Reviews at a steady pace, from a process of its own: ``python load_generator.py SETTINGS.json``.

It judges nothing: a line of JSON for each review says what came back.  Lines on stdin
change where it sends to (``{"ports": [...]}``); the end of stdin ends it after the
answers that are on their way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

_FLUSH_SECONDS = 0.05
_PAUSE_SECONDS = 0.02
"""Behind a fault: a server that is down must not be asked ten thousand times a second."""


class Generator:
    """``settings``: ports, trusted, credential, rate, connections, fresh, seconds, reviews, report."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.ports: list[int] = settings["ports"]
        self._trusted = Path(settings["trusted"])
        self._credential = settings["credential"]
        self._rate: float = settings["rate"]
        self._connections: int = settings["connections"]
        self._is_fresh: bool = settings["fresh"]
        self._seconds: float = settings["seconds"]
        self._reviews = itertools.cycle(
            [(name, path, Path(body).read_bytes()) for name, path, body in settings["reviews"]]
        )
        self._turns = itertools.count(1)
        self._lines: list[str] = []
        self._context: tuple[object, ssl.SSLContext] | None = None
        self.is_stopped = False

    async def run(self, report: Path) -> None:
        with report.open("a", buffering=1 << 20) as stream:
            clients = [asyncio.create_task(self._client(i)) for i in range(self._connections)]
            while not all(client.done() for client in clients):
                await asyncio.sleep(_FLUSH_SECONDS)
                self._flush(stream)
            await asyncio.gather(*clients)
            self._flush(stream)

    def _flush(self, stream: Any) -> None:
        lines, self._lines = self._lines, []
        stream.write("".join(lines))
        stream.flush()

    async def _client(self, number: int) -> None:
        """One connection; a rate of 0 is as fast as answers come."""
        step = self._connections / self._rate if self._rate else 0.0
        due = time.monotonic() + step * number / self._connections
        connection: Any = None
        while not self.is_stopped:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += step
            connection = await self._turn(number, connection)
        if connection is not None:
            connection[1].close()

    async def _turn(self, number: int, connection: Any) -> Any:
        """One review; the connection for the next one, or None."""
        turn = next(self._turns)
        name, path, body = next(self._reviews)
        uid = f"{os.getpid()}-{turn}"
        said: dict[str, Any] = {"uid": uid, "review": name, "port": self._port(number, connection)}
        stage = "connect"
        try:
            async with asyncio.timeout(self._seconds):
                if connection is None:
                    connection = (*await self._connect(said["port"]), said["port"])
                stage = "exchange"
                said["status"], is_last, answer = await self._exchange(
                    connection, path, body.replace(b"$UID", uid.encode())
                )
            said["body"] = json.loads(answer)
        except (OSError, TimeoutError, EOFError, ValueError) as fault:
            said |= {"fault": type(fault).__name__, "stage": stage, "detail": str(fault)}
            is_last = True
        self._lines.append(json.dumps(said, separators=(",", ":")) + "\n")
        if "fault" in said:
            await asyncio.sleep(_PAUSE_SECONDS)
        if connection is not None and (is_last or self._is_fresh or said["port"] not in self.ports):
            connection[1].close()
            return None
        return connection

    def _port(self, number: int, connection: Any) -> int:
        """A client stays with its server, whatever that does."""
        return connection[2] if connection is not None else self.ports[number % len(self.ports)]

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port, ssl=self._tls())

    def _tls(self) -> ssl.SSLContext:
        """The authorities that the file has now."""
        found = self._trusted.stat()
        stamp = found.st_ino, found.st_mtime_ns
        if self._context is None or self._context[0] != stamp:
            context = ssl.create_default_context(cafile=str(self._trusted))
            if self._credential:
                context.load_cert_chain(*self._credential)
            self._context = stamp, context
        return self._context[1]

    async def _exchange(self, connection: Any, path: str, body: bytes) -> tuple[int, bool, bytes]:
        reader, writer, _ = connection
        head = (
            f"POST {path}?timeout=10s HTTP/1.1\r\nHost: webhook\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        answer = await reader.readexactly(int(fields["content-length"]))
        return int(lines[0].split()[1]), fields.get("connection") == "close", answer


async def _obey(generator: Generator) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        generator.ports = json.loads(line)["ports"]
    generator.is_stopped = True


async def main(settings: dict[str, Any]) -> None:
    generator = Generator(settings)
    obeying = asyncio.create_task(_obey(generator))
    await generator.run(Path(settings["report"]))
    await obeying


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text())))
