"""A plain HTTP client of the API server: what the server answered, unchanged."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .pki import Credential

Json = Any  # what the API server sends; tests look at it by path

NOTHING: Mapping[str, str] = {}

_TYPES = {
    "POST": "application/json",
    "PUT": "application/json",
    "DELETE": "application/json",
    "PATCH": "application/merge-patch+json",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; ``warnings`` are the texts of its Warning headers (RFC 7234, 5.5)."""

    status: int
    body: Json
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Of a Status object: why the request was refused."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


class Client:
    """The API as one user; a connection a request, so that it may be shared between threads."""

    def __init__(self, address: tuple[str, int], authority: Path, credential: Credential) -> None:
        self._address = address
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(credential.certificate, credential.key)

    def request(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: Mapping[str, str] = NOTHING,
        query: Mapping[str, object] = NOTHING,
    ) -> Answer:
        """``body`` is sent as JSON (bytes as they are); OSError when there is no server."""
        connection = self._connect()
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body)
            sent = {"Content-Type": _TYPES[method]} if data is not None else {}
            connection.request(method, _target(path, query), data, {**sent, **headers})
            response = connection.getresponse()
            return _answer(response)
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Answer:
        return self.request("GET", path, query=query)

    def create(self, path: str, body: Json, **query: object) -> Answer:
        return self.request("POST", path, body, query=query)

    def delete(self, path: str, **query: object) -> Answer:
        return self.request("DELETE", path, query=query)

    def apply(self, path: str, body: Json, *, manager: str = "tests", **query: object) -> Answer:
        """Server-side apply of one object to its own path."""
        return self.request(
            "PATCH",
            path,
            body,
            headers={"Content-Type": "application/apply-patch+yaml"},
            query={"fieldManager": manager, **query},
        )

    def watch(
        self, path: str, *, seconds: int = 60, **query: object
    ) -> Generator[Json, None, None]:
        """Objects of a collection that exist or come to exist or change, until the time is over.

        A list comes first, and a watch from there: a watch alone waits until the API server's cache
        is as new as the store, which etcd 3.4 tells it only when something is written.  An API server
        may end a watch early, as it does when its cache starts anew; then it all begins again, so an
        object may be seen twice.
        """
        end = time.monotonic() + seconds
        while (left := math.ceil(end - time.monotonic())) > 0:
            listed = self.get(path, **query)
            if listed.status != http.HTTPStatus.OK:
                raise ConnectionError(listed.message)
            yield from listed.body["items"]
            since = {"resourceVersion": listed.body["metadata"]["resourceVersion"]}
            yield from self._watch_since(path, left, {**query, **since})

    def _watch_since(
        self, path: str, seconds: int, query: Mapping[str, object]
    ) -> Generator[Json, None, None]:
        connection = self._connect(seconds + 10)
        try:
            target = _target(path, {"watch": 1, "timeoutSeconds": seconds, **query})
            connection.request("GET", target)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise ConnectionError(_answer(response).message)
            for line in response:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]
        finally:
            connection.close()

    def first(self, path: str, is_wanted: Callable[[Json], bool], *, seconds: int = 60) -> Json:
        """The first object of a collection that is as wanted; TimeoutError when none comes."""
        with contextlib.closing(self.watch(path, seconds=seconds)) as seen:
            for found in seen:
                if is_wanted(found):
                    return found
        raise TimeoutError(f"nothing in {path} is as wanted after {seconds} s")

    def _connect(self, timeout_seconds: float = 60) -> http.client.HTTPSConnection:
        host, port = self._address
        return http.client.HTTPSConnection(
            host, port, context=self._context, timeout=timeout_seconds
        )


def _target(path: str, query: Mapping[str, object]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _answer(response: http.client.HTTPResponse) -> Answer:
    data = response.read()
    is_json = response.headers.get_content_type() == "application/json"
    # 299 - "text": the code, the agent, the quoted text.
    warnings = tuple(
        w.split(" ", 2)[2].removeprefix('"').removesuffix('"').replace('\\"', '"')
        for w in response.headers.get_all("Warning", [])
    )
    return Answer(response.status, json.loads(data) if is_json else data.decode(), warnings)
