"""An API server of one page: discovery, lists and watches of the kinds that decisions ask for.

For the faults that a real one does not show on demand.  Plain HTTP on the loopback.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from policyc.admission.view import WATCHED, Key, Kind, key_of, kind_of

Json = Any

SERVED = WATCHED | {("policyc.dev", "AgentEnvelope"), ("policyc.dev", "EnvelopeBundle")}
_PLURALS = {"NetworkPolicy": "networkpolicies"}


class ApiServer:
    """A context manager; every method may be called while it serves."""

    def __init__(self, bodies: Iterable[Json] = ()) -> None:
        self._changed = threading.Condition()
        self._version = 1
        self._events: list[tuple[int, Kind, str, Json]] = []
        self._objects: dict[Kind, dict[Key, Json]] = {}
        self._oldest = 0
        self.cut = 0
        self.is_silent = False
        self.forbidden: set[Kind] = set()
        self.lists = 0
        self.page_bytes: dict[int, int] = {}
        """By where it starts, how long the last page was."""
        for body in bodies:
            self._objects.setdefault(kind_of(body), {})[key_of(body)] = body
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.lose()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "secret-token"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(config))
        return path

    def put(self, body: Json) -> None:
        """Create or change an object."""
        kept = self._objects.setdefault(kind_of(body), {})
        word = "MODIFIED" if key_of(body) in kept else "ADDED"
        kept[key_of(body)] = body
        self._tell(word, body)

    def remove(self, body: Json) -> None:
        self._objects[kind_of(body)].pop(key_of(body))
        self._tell("DELETED", body)

    def bookmark(self) -> None:
        """Tell every watch that nothing happened."""
        for kind in SERVED:
            self._tell("BOOKMARK", {"apiVersion": "v1", "kind": kind[1], "metadata": {}}, kind)

    @contextmanager
    def talking(self) -> Iterator[None]:
        """A bookmark every 0.2 s, as a live server sends them."""
        stopped = threading.Event()

        def run() -> None:
            while not stopped.wait(0.2):
                self.bookmark()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def lose(self) -> None:
        """Break every watch off, and answer nothing any more."""
        with self._changed:
            self.is_silent = True
            self.cut += 1
            self._changed.notify_all()

    def come_back(self, *, forgetful: bool = False) -> None:
        """Answer again; forgetful: watches of versions before now are answered with 410 Gone."""
        with self._changed:
            self.is_silent = False
            if forgetful:
                self._version += 1
                self._oldest = self._version

    def break_watches(self) -> None:
        """Break every watch off; the next request is answered."""
        with self._changed:
            self.cut += 1
            self._changed.notify_all()

    def _tell(self, word: str, body: Json, kind: Kind | None = None) -> None:
        with self._changed:
            self._version += 1
            body = {
                **body,
                "metadata": {**body["metadata"], "resourceVersion": str(self._version)},
            }
            self._events.append((self._version, kind or kind_of(body), word, body))
            self._changed.notify_all()

    def discover(self, path: str) -> Json:
        group = path.split("/")[2] if path.startswith("/apis/") else ""
        if path == f"/apis/{group}":
            return {"preferredVersion": {"version": "v1"}}
        rows = [{"name": plural(kind), "kind": kind[1]} for kind in SERVED if kind[0] == group]
        return {"resources": rows}

    def list(self, kind: Kind, limit: int, start: int = 0) -> Json:
        """A page of so many from one on; where the next one starts is its ``continue``."""
        with self._changed:
            self.lists += start == 0
            end = start + limit
            there = [*self._objects.get(kind, {}).values()]
            items = [
                {k: v for k, v in b.items() if k not in ("apiVersion", "kind")}
                for b in there[start:end]
            ]
            metadata = {"resourceVersion": str(self._version)}
            if end < len(there):
                metadata["continue"] = str(end)
            return {"metadata": metadata, "items": items}

    def watch(self, kind: Kind, version: int, write: Any, cut: int) -> None:
        """Events after a version until the watch is broken off: ``cut`` was then in force."""
        if version < self._oldest:
            status = {"code": 410, "message": "too old resource version", "metadata": {}}
            write({"type": "ERROR", "object": status})
            return
        while True:
            with self._changed:
                while self.cut == cut and not (self._events and self._events[-1][0] > version):
                    self._changed.wait()
                if self.cut != cut:
                    return
                events = [e for e in self._events if e[0] > version]
            for number, of, word, body in events:
                version = number
                if of == kind:
                    write({"type": word, "object": body})


def plural(kind: Kind) -> str:
    return _PLURALS.get(kind[1], kind[1].lower() + "s")


def _kind(path: str) -> Kind | None:
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" else ""
    return next((k for k in SERVED if k[0] == group and plural(k) == parts[-1]), None)


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the standard library's name
            # First of all: a watch that is on its way when all are broken off is broken off too.
            cut = server.cut
            if server.is_silent:
                self.close_connection = True
                return
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            kind = _kind(url.path)
            if kind is None:
                self._json(200, server.discover(url.path))
            elif kind in server.forbidden:
                message = f"{plural(kind)} is forbidden: User cannot list resource"
                self._json(403, {"kind": "Status", "message": message})
            elif "watch" in query:
                self._stream(kind, int(query["resourceVersion"][0]), cut)
            else:
                limit, start = (int(query.get(key, "0")[0]) for key in ("limit", "continue"))
                page = server.list(kind, limit or sys.maxsize, start)
                server.page_bytes[start] = self._json(200, page)

        def _json(self, status: int, body: Json) -> int:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client may have read enough
                self.wfile.write(data)
            return len(data)

        def _stream(self, kind: Kind, version: int, cut: int) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            server.watch(kind, version, self._event, cut)

        def _event(self, event: Json) -> None:
            data = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            """Silence: the tests' own output is enough."""

    return Handler
