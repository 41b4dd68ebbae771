"""/healthz and /metrics over plain HTTP, in the text format of Prometheus (0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from recorder.errors import ExitCode, RecorderError
from recorder.watch import Watch


@contextmanager
def serve(watch: Watch, address: tuple[str, int] | None) -> Iterator[str]:
    """Answer on the address while the block runs, and give it with its port; on none, nothing."""
    if address is None:
        yield ""
        return

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = _answer(watch, self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes every few seconds are no news."""

    try:
        server = ThreadingHTTPServer(address, Handler)
    except OSError as error:
        raise RecorderError(
            ExitCode.USAGE,
            f"`{address[0]}:{address[1]}` cannot be listened on: {(error.strerror or '').lower()}",
            "name a free address with --listen",
        ) from error
    Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    try:
        yield f"{host!s}:{port}"
    finally:
        server.shutdown()
        server.server_close()


def _answer(watch: Watch, path: str) -> tuple[HTTPStatus, bytes]:
    match path:
        case "/healthz":
            return HTTPStatus.OK, b"ok\n"
        case "/metrics":
            return HTTPStatus.OK, text(watch).encode()
        case _:
            return HTTPStatus.NOT_FOUND, b"not found\n"


def text(watch: Watch) -> str:
    """The metrics, sorted within each family."""
    counts = watch.counts
    lines = [
        *_family("recorder_containers_total", "counter", "Containers met.", counts.containers),
        *_family("recorder_containers_ended_total", "counter", "Containers written.", counts.ended),
        *_family(
            "recorder_unresolved_total", "counter", "Namespaces of no runtime.", counts.unresolved
        ),
        *_family("recorder_subjects", "gauge", "Namespaces in the maps.", len(watch.known)),
        "# HELP recorder_lost_total Events lost, of containers that were written.",
        "# TYPE recorder_lost_total counter",
        *(
            f'recorder_lost_total{{domain="{domain}"}} {count}'
            for domain, count in sorted(counts.lost.items())
        ),
        "# HELP recorder_hook_attached Whether a hook of the kernel is attached.",
        "# TYPE recorder_hook_attached gauge",
        *(f'recorder_hook_attached{{hook="{hook}"}} 1' for hook in watch.session.hooks.attached),
        *(f'recorder_hook_attached{{hook="{hook}"}} 0' for hook in watch.session.hooks.missing),
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, meaning: str, value: int) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}"]
