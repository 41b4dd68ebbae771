"""The webhook as a process of its own, spoken to over TLS as the API server speaks to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from policyc.admission.request import Request
from policyc.admission.review import API_VERSION
from support import skewed
from support.admission import files
from support.control_plane.daemon import Daemon, free_ports

Json = Any
NOTHING: Mapping[str, str] = {}
JSON_TYPE = {"Content-Type": "application/json"}
_RUN = (sys.executable, "-c", "from policyc.cli.main import entry; entry()", "webhook", "run")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; ``body`` is what its JSON says, or None when it is none."""

    status: int
    headers: Mapping[str, str]
    body: Json

    @property
    def response(self) -> Json:
        assert self.status == 200, (self.status, self.body)
        assert self.body["apiVersion"] == API_VERSION
        return self.body["response"]

    @property
    def reasons(self) -> set[str]:
        """The reasons of a denial."""
        assert self.response["allowed"] is False, self.response
        words = self.response["auditAnnotations"]["reasons"].split()
        return {word.removesuffix(":deny") for word in words if word.endswith(":deny")}


def write_bundle(folder: Path, files_: Mapping[str, bytes]) -> Path:
    """An output folder; the manifest last and in one step, as ``policyc compile`` leaves it."""
    for path, data in sorted(files_.items(), key=lambda item: item[0] == "manifest.json"):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        new.write_bytes(data)
        new.replace(target)
    return folder


def review(asked: Request, uid: str = "", **fields: Json) -> Json:
    """The AdmissionReview of a request, members in the order of the API server's."""
    gvk = {"group": asked.group, "version": asked.version, "kind": asked.kind}
    gvr = {"group": asked.resource_group, "version": asked.version, "resource": asked.resource}
    request = {
        "uid": uid or asked.uid,
        "kind": gvk,
        "resource": gvr,
        "requestKind": gvk,
        "requestResource": gvr,
        "name": asked.name,
        "namespace": asked.namespace,
        "operation": asked.operation.value,
        "userInfo": {"username": asked.user, "groups": list(asked.groups)},
        "object": asked.object,
        "oldObject": asked.old,
        "dryRun": asked.dry_run,
        "options": asked.options,
        **fields,
    }
    if asked.subresource:
        request["subResource"] = asked.subresource
    return {"kind": "AdmissionReview", "apiVersion": API_VERSION, "request": request}


class Webhook:
    """A context manager: ready on entry, gone on exit.

    ``flags`` without leading dashes: ``drain_seconds=1``; a list repeats the flag, None leaves
    a default of this class out.  ``clock``: a file that says by how many seconds its clock is off.
    ``under``: what its command line begins with.
    """

    def __init__(
        self,
        folder: Path,
        clock: Path | None = None,
        under: Sequence[str] = (),
        **flags: object,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port, self.health_port = free_ports(2)
        defaults = {
            "host": "127.0.0.1",
            "port": self.port,
            "health_port": self.health_port,
            "bundle": folder / "bundle",
            "unsigned": True,
            "tls_folder": folder / "tls",
            "tls_hosts": ["127.0.0.1", "localhost"],
            "cluster": False,
            "poll_seconds": 0.05,
            "drain_seconds": 0,
        }
        self.bundle = folder / "bundle"
        if not self.bundle.exists():
            write_bundle(self.bundle, files())
        if flags.get("guard"):
            defaults["url"] = f"https://127.0.0.1:{self.port}"
        run = [sys.executable, "-P", skewed.__file__, str(clock), *_RUN[-2:]] if clock else [*_RUN]
        settings = {**defaults, **flags}
        self.daemon = Daemon([*under, *run, *_flags(settings)], folder)
        self.trusted = Path(str(settings["tls_folder"])) / "ca.crt"
        self.credential: tuple[Path, Path] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.daemon.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()

    def start(self) -> None:
        self.daemon.start()
        self.wait_until(self.is_ready)

    def wait_until(self, is_so: Any) -> None:
        self.daemon.wait_until(is_so, 60)

    @property
    def pid(self) -> int:
        assert self.daemon._process is not None
        return self.daemon._process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def log(self) -> list[Json]:
        """The lines that the process wrote."""
        lines = self.daemon.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def is_ready(self) -> bool:
        try:
            return self.probe("/readyz")[0] == 200
        except OSError:
            return False

    def probe(self, path: str) -> tuple[int, str]:
        """A plain request to the listener of probes and metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The value of a metric; the labels, if any, belong to the name."""
        for line in self.probe("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.trusted))
        if self.credential:
            context.load_cert_chain(*self.credential)
        return context

    def connect(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=context or self.tls(), timeout=60
        )

    def post(
        self,
        body: Json,
        path: str = "/validate",
        headers: Mapping[str, str] = JSON_TYPE,
        method: str = "POST",
    ) -> Reply:
        """One request on a connection of its own; bytes are sent as they are."""
        connection = self.connect()
        try:
            return ask(connection, body, path, headers, method)
        finally:
            connection.close()


def ask(
    connection: http.client.HTTPConnection,
    body: Json,
    path: str = "/validate",
    headers: Mapping[str, str] = JSON_TYPE,
    method: str = "POST",
) -> Reply:
    """One request on an open connection."""
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    connection.request(method, path, data, dict(headers))
    response = connection.getresponse()
    text = response.read()
    is_json = response.headers.get_content_type() == "application/json" and text
    return Reply(response.status, dict(response.headers), json.loads(text) if is_json else None)


def _flags(settings: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            found.append(flag)
        elif value is False:
            found.append(f"--no-{name.replace('_', '-')}")
        elif isinstance(value, (list, tuple)):
            for item in value:
                found += [flag, str(item)]
        elif value is not None:
            found += [flag, str(value)]
    return found
