"""The application of the webhook in this process, with everything real but the network."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any, Self

from policyc.admission.settings import Settings
from policyc.admission.view import View
from support.admission import TODAY, bundle
from webhook.apart import Apart
from webhook.app import Probes, create_app
from webhook.judge import Judge, Judged
from webhook.logs import Talk
from webhook.metrics import Metrics
from webhook.reviews import Limits, Reviews
from webhook.stream import Held

Json = Any
_MEBIBYTE = 2**20


class InProcess:
    """A context manager; ``view`` may be changed between requests."""

    def __init__(self, view: View, settings: Settings) -> None:
        self.view = view
        self._loop = asyncio.new_event_loop()
        self._apart = Apart()
        judge = Judge(bundle, lambda: self.view, settings, None, lambda: TODAY, Talk())
        metrics, held = Metrics(), Held(64 * _MEBIBYTE)
        limits = Limits(body_bytes=16 * _MEBIBYTE, concurrent=10, read_seconds=30.0)
        paths = {"/validate": judge.validate, "/mutate": judge.mutate}
        self._reviews = {
            path: Reviews(
                path.strip("/"), decide, judge.settle, limits, is_broad=judge.is_broad, held=held, backlog=lambda: 1,
                stands=judge.stands if path == "/validate" else None, is_draining=lambda: False, apart=self._apart, metrics=metrics, talk=Talk(),
            )
            for path, decide in paths.items()
        }  # fmt: skip
        self._app = create_app(self._reviews, Probes(lambda: (True, {}), metrics))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._apart.close()
        self._loop.close()

    def post(self, data: bytes, path: str = "/validate", cut: int = 65536) -> tuple[int, Json]:
        """Status and body; the request arrives in parts of ``cut`` bytes."""
        parts = [data[i : i + cut] for i in range(0, len(data), cut)] or [b""]
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Json:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}  # fmt: skip
        self._loop.run_until_complete(self._app(scope, receive, send))
        start, body = sent
        return start["status"], json.loads(body["body"])

    def whole(self, data: bytes, path: str = "/validate") -> tuple[int, Json]:
        """The same for bytes that were read at once: small ones are judged where they are."""
        reviews = self._reviews[path]
        judged = reviews.whole(data, time.monotonic() + 60)
        if not isinstance(judged, Judged):
            judged = self._loop.run_until_complete(judged)
        status, body = reviews.reply(judged, time.perf_counter())
        return status, json.loads(body)


def some_cut(rng: random.Random) -> int:
    return rng.choice((65536, 65536, 1000, 97, 7))
