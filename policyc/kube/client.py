"""The door to a live cluster, and the only importer of the Kubernetes client.

Bodies are plain JSON: the client's model classes would cost ten times the memory and know no
custom resources.  API: https://kubernetes.io/docs/reference/using-api/api-concepts/ (1.36).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
from yaml import YAMLError

from policyc.core.errors import PolicycError

if TYPE_CHECKING:  # it takes a quarter of a second to import: only those who connect pay it
    from kubernetes.client import Configuration

Object = dict[str, Any]  # as the server sent it: JSON with floats
_NOTHING: Mapping[str, object] = {}

_PAGE = 500
_PAGE_BYTES = 16 << 20
"""500 objects of a usual kind have some 5 MB.  The objects of a page that is longer are asked for in
smaller pages: etcd takes 1.5 MiB of each, and whoever writes them may write many."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 30.0
_GONE = 410
_TYPES = {"PATCH": "application/apply-patch+yaml"}  # of YAML, JSON is a part
_RETRIES = urllib3.Retry(1, redirect=0, status=0)  # a kept connection may have ended meanwhile


class ApiFault(Exception):  # noqa: N818  # an answer of the server, not an error of ours
    """The server said no, or nothing (``status`` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def is_gone(self) -> bool:
        """The resource version is too old: list again."""
        return self.status == _GONE


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the server serves it."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The collection of all namespaces."""
        return f"{_root(self.group, self.version)}/{self.plural}"


@dataclass(frozen=True, slots=True)
class Event:
    """``word`` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    word: str
    body: Object


class Cluster:
    """One API server; may be shared between threads."""

    def __init__(self, configuration: Configuration) -> None:
        from kubernetes.client import ApiClient  # noqa: PLC0415

        configuration.connection_pool_maxsize = 64  # a watch holds a connection for itself
        self._configuration = configuration
        self._pool = ApiClient(configuration).rest_client.pool_manager

    def get(self, path: str, query: Mapping[str, object] = _NOTHING) -> Object:
        """One JSON answer.  ApiFault."""
        with _Answer(self._open(path, query, _ANSWER_SECONDS)) as answer:
            return answer.json()

    def _short(self, path: str, query: Mapping[str, object]) -> Object | None:
        """An answer of no more than a page's bytes, None for a longer one.  ApiFault."""
        with _Answer(self._open(path, query, _ANSWER_SECONDS)) as answer:
            return answer.short(_PAGE_BYTES)

    def send(self, method: str, path: str, body: Object) -> Object:
        """Write one object (POST to its collection, PUT to itself); as it is stored.  ApiFault."""
        with _Answer(self._open(path, _NOTHING, _ANSWER_SECONDS, method, body)) as answer:
            return answer.json()

    def apply(self, path: str, body: Object, manager: str) -> Object:
        """Server-side apply: the object at ``path`` has these fields afterwards.  ApiFault."""
        query = {"fieldManager": manager, "force": "true"}
        with _Answer(self._open(path, query, _ANSWER_SECONDS, "PATCH", body)) as answer:
            return answer.json()

    def resource(self, group: str, kind: str) -> Resource | None:
        """The preferred version of a kind; None when the server does not serve it.  ApiFault."""
        try:
            version = "v1"
            if group:
                version = str(self.get(f"/apis/{group}")["preferredVersion"]["version"])
            served = self.get(_root(group, version))["resources"]
        except ApiFault as fault:
            if fault.status == 404:
                return None
            raise
        for row in served:
            if row["kind"] == kind and "/" not in row["name"]:
                return Resource(group, version, str(row["name"]), kind)
        return None

    def list(
        self, resource: Resource, keep: Callable[[Object], Object] = lambda body: body
    ) -> tuple[list[Object], str]:
        """What ``keep`` leaves of all objects of a kind, and the version from which to watch.

        Page by page: the whole of a large kind is never held.  ApiFault.
        """
        found: list[Object] = []
        limit = _PAGE
        query: dict[str, object] = {}
        while True:
            query["limit"] = limit
            page = (
                self._short(resource.path, query) if limit > 1 else self.get(resource.path, query)
            )
            if page is None:
                limit //= 2
                continue
            for body in page.get("items") or ():
                # Items of a list carry neither: the list's own kind implies them.
                body["apiVersion"], body["kind"] = resource.api_version, resource.kind
                found.append(keep(body))
            metadata: Object = page["metadata"]
            if not metadata.get("continue"):
                return found, str(metadata["resourceVersion"])
            query["continue"] = metadata["continue"]

    def watch(
        self, resource: Resource, version: str, seconds: int, name: str = ""
    ) -> Iterator[Event]:
        """What changes after ``version``, until the server ends the watch; of one object by name.

        Returns when the server has accepted the watch.  ApiFault, here and from the iterator.
        """
        query: dict[str, object] = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": seconds,
        }
        if name:  # RBAC knows this selector: rights to one name are enough
            query["fieldSelector"] = f"metadata.name={name}"
        return _Answer(self._open(resource.path, query, seconds + _ANSWER_SECONDS)).events()

    def _open(
        self,
        path: str,
        query: Mapping[str, object],
        silence_seconds: float,
        method: str = "GET",
        body: Object | None = None,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _TYPES.get(method, "application/json")
        # Any: typed as an empty dictionary there.
        settings: Any = self._configuration.auth_settings()
        for setting in settings.values():
            headers[setting["key"]] = setting["value"]
        url = f"{self._configuration.host}{path}"
        try:
            answer: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                f"{url}?{urlencode(query)}" if query else url,
                headers=headers,
                body=None if body is None else json.dumps(body).encode(),
                preload_content=False,
                retries=_RETRIES,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=silence_seconds),
            )
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise ApiFault(0, f"no answer: {type(fault).__name__}") from fault
        return answer


class _Answer:
    """An open answer that said yes; what goes wrong while it is read is an ApiFault too."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        if response.status not in (200, 201):
            message = f"HTTP {response.status}"
            with contextlib.suppress(ApiFault), self:
                message = str(self.json().get("message") or message)
            raise ApiFault(response.status, message)

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, *_: object) -> None:
        # A watch that is left early has unread bytes: its connection cannot be used again.
        self._response.close()

    def json(self) -> Object:
        return _object(self._read(None))

    def short(self, most_bytes: int) -> Object | None:
        """The same, None when it is longer: what is more is not read."""
        data = self._read(most_bytes + 1)
        return _object(data) if len(data) <= most_bytes else None

    def _read(self, most_bytes: int | None) -> bytes:
        try:
            return self._response.read(most_bytes)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as fault:
            raise _broken_off(fault) from fault

    def events(self) -> Iterator[Event]:
        with self:
            for body in self._lines():
                if body.get("type") == "ERROR":
                    status = body["object"]
                    raise ApiFault(int(status.get("code", 0)), str(status.get("message", "")))
                yield Event(str(body["type"]), body["object"])

    def _lines(self) -> Iterator[Object]:
        try:
            for line in self._response:
                if line.strip():
                    yield json.loads(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as fault:
            raise ApiFault(0, f"the watch broke off: {type(fault).__name__}") from fault


def _object(data: bytes) -> Object:
    try:
        found = _value(data)
    except ValueError as fault:
        raise _broken_off(fault) from fault
    return found if isinstance(found, dict) else {}


def _value(data: bytes) -> Any:  # JSON with floats
    """By the parser in Rust that the client brings along, three times as fast; it reads nothing very deep."""
    from pydantic_core import from_json  # noqa: PLC0415  # as above

    try:
        return from_json(data)
    except ValueError:
        return json.loads(data)


def _broken_off(fault: Exception) -> ApiFault:
    return ApiFault(0, f"the answer broke off: {type(fault).__name__}")


def connect(kubeconfig: Path | None) -> Cluster:
    """The cluster of a kubeconfig, or the one this pod runs in.

    Nothing is sent yet.  PolicycError PC7114 when there is no such configuration.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config import (  # noqa: PLC0415
        ConfigException,
        load_incluster_config,
        load_kube_config,
    )

    configuration = Configuration()
    try:
        if kubeconfig is not None:
            load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]  # theirs
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # theirs
    except (ConfigException, YAMLError, OSError, ValueError, TypeError, AttributeError) as fault:
        where = f"`{kubeconfig}` is no usable kubeconfig" if kubeconfig else "this is no pod of one"
        said = str(fault)
        if kubeconfig and not kubeconfig.expanduser().exists():  # the client has no word for it
            said = "there is no such file"
        raise PolicycError(
            "PC7114",
            f"no way to a cluster: {where}: {' '.join(said.split())}",
            help="check the path, and the file with `kubectl --kubeconfig FILE cluster-info`"
            if kubeconfig
            else "give --kubeconfig FILE, or run with a ServiceAccount's token mounted",
        ) from fault
    return Cluster(configuration)


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"
