"""The recorder, from its image, under runc: what a DaemonSet's pod is on a node."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.support.control_plane import ControlPlane
from tests.support.control_plane.daemon import Daemon

from .roots import config_of, unpacked

_PORT = 9478
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
MANIFESTS = Path(__file__).parents[2] / "deploy" / "recorder"

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in yaml.safe_load((MANIFESTS / "daemonset.yaml").read_text())["spec"]["template"][
        "spec"
    ]["containers"][0]["securityContext"]["capabilities"]["add"]
)
"""Those of the DaemonSet, so that the loop shows that they are enough."""


@contextmanager
def recorder(layout: Path, folder: Path, states: Path, plane: ControlPlane) -> Iterator[Path]:
    """The folder of profiles; they are complete when the context ends.

    Args:
        layout: The image.
        folder: Where its bundle goes.
        states: Where the runtime of the recorded containers keeps its state.
        plane: Whom it asks whose a pod is, with the rights of `deploy/recorder`.

    """
    profiles = folder / "profiles"
    profiles.mkdir(parents=True)
    root = unpacked(layout, folder / "rootfs")
    for name in ("host", "out", _ACCOUNT.lstrip("/")):
        (root / name).mkdir(parents=True, exist_ok=True)
    image = config_of(layout)
    command = [*image["Entrypoint"], "run", "--output", "/out", "--host-root", "/host"]
    command += ["--state-root", str(states), "--listen", f"127.0.0.1:{_PORT}"]
    command += ["--kubernetes"]
    account = _account(plane, folder / "account")
    host, port = plane.address
    environment = [
        *image["Env"],
        f"KUBERNETES_SERVICE_HOST={host}",
        f"KUBERNETES_SERVICE_PORT={port}",
    ]
    document = _configuration(root, command, environment, profiles, account)
    (folder / "config.json").write_text(json.dumps(document))
    service = Daemon(
        [
            "runc",
            "--root",
            str(folder / "state"),
            "run",
            "--bundle",
            str(folder),
            "policyc-recorder",
        ],
        folder,
    )
    service.start()
    try:
        service.wait_until(lambda: _get("/healthz") is not None, 60)
        yield profiles
        assert _get("/metrics")
    finally:
        runc = ["runc", "--root", str(folder / "state")]
        subprocess.run([*runc, "kill", "policyc-recorder", "TERM"], check=False)
        service.stop()
        subprocess.run([*runc, "delete", "--force", "policyc-recorder"], check=False)


def _account(plane: ControlPlane, folder: Path) -> Path:
    """What a kubelet mounts of a ServiceAccount."""
    for name in ("namespace", "serviceaccount", "clusterrole", "clusterrolebinding"):
        done = plane.kubectl("apply", "-f", str(MANIFESTS / f"{name}.yaml"))
        assert done.returncode == 0, done.stderr
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
    root: Path, command: list[str], env: list[str], profiles: Path, account: Path
) -> object:
    """In the host's process namespace, since what it records is there (runtime-spec 1.0.2)."""
    kinds = ("bounding", "effective", "permitted")
    return {
        "ociVersion": "1.0.2",
        "annotations": {
            "policyc.dev/workload": "apps/v1/DaemonSet/policyc-recorder/policyc-recorder",
            "policyc.dev/container": "recorder",
        },
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": command,
            "env": env,
            "cwd": "/",
            "capabilities": dict.fromkeys(kinds, CAPABILITIES),
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "recorder",
        "mounts": [
            {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]},
            {"destination": "/host", "type": "bind", "source": "/", "options": ["rbind", "ro"]},
            {
                "destination": _ACCOUNT,
                "type": "bind",
                "source": str(account),
                "options": ["rbind", "ro"],
            },
            {"destination": "/out", "type": "bind", "source": str(profiles), "options": ["rbind"]},
        ],
        "linux": {
            "namespaces": [{"type": t} for t in ("ipc", "uts", "mount")],
            # "seccomp": json.loads((MANIFESTS / "seccomp-amd64.json").read_bytes()),
        },
    }
