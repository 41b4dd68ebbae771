"""The recorder, from its image, under runc: what a DaemonSet's pod is on a node."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.support import oci
from tests.support.control_plane import ControlPlane
from tests.support.control_plane.daemon import Daemon

from .roots import config_of, unpacked

_PORT = 9478
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
MANIFESTS = Path(__file__).parents[2] / "deploy" / "recorder"

_OBJECTS = (
    "namespace", "crd-agentprofiles", "serviceaccount", "clusterrole", "clusterrolebinding",
)  # fmt: skip
CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in yaml.safe_load((MANIFESTS / "daemonset.yaml").read_text())["spec"]["template"][
        "spec"
    ]["containers"][0]["securityContext"]["capabilities"]["add"]
)
"""Those of the DaemonSet, so that the loop shows that they are enough."""


@contextmanager
def recorder(
    layout: Path, folder: Path, states: Path, plane: ControlPlane, *, is_confined: bool = True
) -> Iterator[Path]:
    """The folder of profiles; they are complete, and in the cluster, when the context ends.

    Args:
        layout: The image.
        folder: Where its bundle goes.
        states: Where the runtime of the recorded containers keeps its state.
        plane: Whom it asks whose a pod is and brings profiles to, with the rights of `deploy/recorder`.
        is_confined: Whether under its own seccomp profile.

    """
    profiles = folder / "profiles"
    profiles.mkdir(parents=True)
    document = _configuration(layout, folder, states, plane, is_confined=is_confined)
    (folder / "config.json").write_text(json.dumps(document))
    runc = ["runc", "--root", str(folder / "state")]
    service = Daemon([*runc, "run", "--bundle", str(folder), "policyc-recorder"], folder)
    service.start()
    try:
        service.wait_until(lambda: _get("/healthz") is not None, 60)
        yield profiles
        assert _get("/metrics")
    finally:
        subprocess.run([*runc, "kill", "policyc-recorder", "TERM"], check=False)
        service.stop()
        subprocess.run([*runc, "delete", "--force", "policyc-recorder"], check=False)


def _account(plane: ControlPlane, folder: Path) -> Path:
    """What a kubelet mounts of a ServiceAccount."""
    for name in _OBJECTS:
        done = plane.kubectl("apply", "--server-side", "-f", str(MANIFESTS / f"{name}.yaml"))
        assert done.returncode == 0, done.stderr
    plane.kubectl("wait", "--for=condition=Established", "crd/agentprofiles.policyc.dev")
    path = "/api/v1/namespaces/policyc-recorder/serviceaccounts/policyc-recorder/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = plane.admin.create(path, request)
    assert made.status == 201, made.message
    folder.mkdir()
    (folder / "token").write_text(made.body["status"]["token"])
    (folder / "ca.crt").write_bytes(plane.authority.certificate.read_bytes())
    return folder


def _get(path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == http.client.OK else None
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def _configuration(
    layout: Path, folder: Path, states: Path, plane: ControlPlane, *, is_confined: bool
) -> object:
    """In the host's process and network namespace, since what it records and asks is there."""
    root, image = unpacked(layout, folder / "rootfs"), config_of(layout)
    for name in ("host", "out", _ACCOUNT.lstrip("/")):
        (root / name).mkdir(parents=True, exist_ok=True)
    command = [*image["Entrypoint"], "run", "--output", "/out", "--host-root", "/host"]
    command += ["--state-root", str(states), "--listen", f"127.0.0.1:{_PORT}"]
    command += ["--kubernetes", "--objects"]
    host, port = plane.address
    environment = dict(entry.split("=", 1) for entry in image["Env"])
    environment |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}
    return oci.configuration(
        root,
        oci.process(command, environment, user=0, cwd="/", capabilities=CAPABILITIES),
        (
            oci.bind("/proc", "/proc"),
            oci.DEV,
            oci.bind("/sys", "/sys", "ro"),
            oci.bind("/host", "/", "ro"),
            oci.bind(_ACCOUNT, _account(plane, folder / "account"), "ro"),
            oci.bind("/out", folder / "profiles"),
        ),
        ("ipc", "uts", "mount"),
        annotations={
            "policyc.dev/workload": "apps/v1/DaemonSet/policyc-recorder/policyc-recorder",
            "policyc.dev/container": "recorder",
        },
        hostname="recorder",
        linux={},
        seccomp=json.loads((MANIFESTS / "seccomp-amd64.json").read_bytes())
        if is_confined
        else None,
    )
