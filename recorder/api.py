"""The API server over HTTPS: as a pod's ServiceAccount, with nothing but Python's standard library."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from recorder.errors import ExitCode, RecorderError
from recorder.profile import Document

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What a kubelet mounts: `token`, which it renews, and `ca.crt`."""
ASK_SECONDS = 2.0
"""For questions that the recording waits for."""
WRITE_SECONDS = 30.0


class UnansweredError(OSError):
    """Nobody answers, or nobody who can: it may be asked again later."""


class RefusedError(Exception):
    """The API server does not want this, whenever it is asked: ``status`` and its reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Server:
    """One API server; a connection a request, so any thread may ask it."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """None: plain HTTP, and no token is sent."""
    account: Path = ACCOUNT
    timeout_seconds: float = ASK_SECONDS

    def get(self, path: str) -> Document | None:
        """The object at a path, None when there is none; UnansweredError or RefusedError."""
        try:
            return self.request("GET", path)
        except RefusedError as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def request(self, method: str, path: str, body: Document | None = None) -> Document:
        """The object that answers; UnansweredError or RefusedError when it is none."""
        connection = self._connection()
        try:
            headers = {"Content-Type": "application/json", **self._credentials()}
            data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return _judged(answer.status, _object(answer.read()))
        except http.client.HTTPException as error:
            raise UnansweredError(f"no HTTP answer: {error}") from error
        except OSError as error:
            raise UnansweredError(error.strerror or str(error)) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.context is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_seconds)
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=self.timeout_seconds, context=self.context
        )

    def _credentials(self) -> dict[str, str]:
        """The token is renewed in its file, so it is read each time."""
        if self.context is None:
            return {}
        return {"Authorization": f"Bearer {(self.account / 'token').read_text().strip()}"}


def in_cluster(environment: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> Server:
    """The API server of this cluster, asked as this pod's ServiceAccount; RecorderError outside of one."""
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    try:
        context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    except OSError as error:
        raise _outside() from error
    if not host or not port.isdecimal():
        raise _outside()
    return Server(host, int(port), context, account)


def _outside() -> RecorderError:
    return RecorderError(
        ExitCode.USAGE,
        "there is no cluster to ask: this is no pod with a ServiceAccount",
        "leave out --kubernetes and --objects, or run in a pod with the rights of deploy/recorder",
    )


_LATER = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # a token that is just being renewed
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def _judged(status: int, found: Document) -> Document:
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return found
    message = str(found.get("message", "")) or f"HTTP status {status}"
    # The API server hands on etcd's refusal of a large request as a fault of its own.
    if status in _LATER or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_large(message)):
        raise UnansweredError(message)
    raise RefusedError(status, message)


def is_large(message: str) -> bool:
    """Whether a refusal is etcd's or gRPC's of a request with too many bytes (etcd 3.6, rpctypes.ErrGRPCRequestTooLarge)."""
    return "too large" in message or "larger than max" in message


def _object(raw: bytes) -> Document:
    """What was sent; a text that is no object is the message of a proxy before the API server."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {"message": raw[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {}
