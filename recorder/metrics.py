"""/healthz, /readyz and /metrics over plain HTTP, in the text format of Prometheus (0.0.4)."""

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
            return _said([] if watch.is_alive() else ["no step for a minute"])
        case "/readyz":
            return _said(watch.faults())
        case "/metrics":
            return HTTPStatus.OK, text(watch).encode()
        case _:
            return HTTPStatus.NOT_FOUND, b"not found\n"


def _said(faults: list[str]) -> tuple[HTTPStatus, bytes]:
    if not faults:
        return HTTPStatus.OK, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{fault}\n" for fault in faults).encode()


def text(watch: Watch) -> str:
    """The metrics, sorted within each family."""
    counts, failing = watch.counts, int(bool(watch.failure))
    lines = [
        *_family("recorder_containers_total", "counter", "Containers met.", counts.containers),
        *_family("recorder_containers_ended_total", "counter", "Containers written.", counts.ended),
        *_family(
            "recorder_unresolved_total", "counter", "Namespaces of no runtime.", counts.unresolved
        ),
        *_family(
            "recorder_strangers_total", "counter", "Containers of no runtime.", watch.strangers.met
        ),
        *_family("recorder_subjects", "gauge", "Namespaces in the maps.", len(watch.subjects.here)),
        "# HELP recorder_lost_total Events lost, of containers that were written.",
        "# TYPE recorder_lost_total counter",
        *(
            f'recorder_lost_total{{domain="{domain}"}} {count}'
            for domain, count in sorted(counts.lost.items())
        ),
        *_family("recorder_files_failing", "gauge", "1: files cannot be written.", failing),
        *_of_the_cluster(watch),
        "# HELP recorder_hook_attached Whether a hook of the kernel is attached.",
        "# TYPE recorder_hook_attached gauge",
        *(f'recorder_hook_attached{{hook="{hook}"}} 1' for hook in watch.session.hooks.attached),
        *(f'recorder_hook_attached{{hook="{hook}"}} 0' for hook in watch.session.hooks.missing),
    ]
    return "\n".join(lines) + "\n"


def _of_the_cluster(watch: Watch) -> Iterator[str]:
    """What only those have that ask or tell an API server."""
    if watch.owners:
        name, said = "recorder_owners_unanswered_total", "Questions for owners without an answer."
        yield from _family(name, "counter", said, watch.owners.unanswered)
    if watch.mirror:
        written, failed, pending = watch.mirror.written, watch.mirror.failed, watch.mirror.pending
        name, said = "recorder_objects_written_total", "Files whose content was brought over."
        yield from _family(name, "counter", said, written)
        name, said = "recorder_objects_failed_total", "Attempts that the API server did not take."
        yield from _family(name, "counter", said, failed)
        name, said = "recorder_objects_pending", "Files whose content is not in the cluster."
        yield from _family(name, "gauge", said, len(pending))


def _family(name: str, kind: str, meaning: str, value: int) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}"]
