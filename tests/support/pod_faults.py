"""Ways to ask for more than an agent may have, each as a change to a pod's spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Spec = Any  # a pod's spec, to be changed in place
Change = Callable[[Spec], object]

DIGEST = "sha256:" + "ab" * 32


def _context(spec: Spec, name: str, value: object) -> None:
    spec["containers"][0].setdefault("securityContext", {})[name] = value


def _drop(spec: Spec, name: str) -> None:
    spec["containers"][0].get("securityContext", {}).pop(name, None)


def _pod(spec: Spec, name: str, value: object) -> None:
    spec.setdefault("securityContext", {})[name] = value


def _volume(spec: Spec, source: Spec) -> None:
    volumes = spec.setdefault("volumes", [])
    volumes.append({"name": f"v{len(volumes)}", **source})


def _image(written: str) -> Change:
    return lambda s: s["containers"][0].__setitem__("image", written)


def _sidecar(spec: Spec, field: str, **more: object) -> None:
    known = spec.setdefault(field, [])
    known.append(
        {"name": f"{field.lower()}{len(known)}", "image": f"elsewhere.example/x@{DIGEST}", **more}
    )


def _token(audience: str | None) -> Change:
    source = {"path": "t", **({"audience": audience} if audience is not None else {})}
    return lambda s: _volume(s, {"projected": {"sources": [{"serviceAccountToken": source}]}})


def _seccomp(kind: str, name: str | None = None) -> Spec:
    return {"type": kind, **({"localhostProfile": name} if name is not None else {})}


FAULTS: dict[str, Change] = {
    "account-other": lambda s: s.__setitem__("serviceAccountName", "admin"),
    "account-none": lambda s: s.pop("serviceAccountName", None),
    "host-network": lambda s: s.__setitem__("hostNetwork", True),
    "host-pid": lambda s: s.__setitem__("hostPID", True),
    "host-ipc": lambda s: s.__setitem__("hostIPC", True),
    "privileged": lambda s: (
        _context(s, "privileged", True),
        _context(s, "allowPrivilegeEscalation", True),
    ),
    "escalation": lambda s: _context(s, "allowPrivilegeEscalation", True),
    "escalation-unset": lambda s: _drop(s, "allowPrivilegeEscalation"),
    "writable": lambda s: _context(s, "readOnlyRootFilesystem", False),
    "root-pod": lambda s: _pod(s, "runAsNonRoot", False),
    "root-container": lambda s: _context(s, "runAsNonRoot", False),
    "root-number": lambda s: _pod(s, "runAsUser", 0),
    "user": lambda s: _context(s, "runAsUser", 1234),
    "keeps-capabilities": lambda s: _context(s, "capabilities", {"drop": ["NET_RAW"]}),
    "adds-raw": lambda s: _context(s, "capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
    "adds-prefixed": lambda s: _context(
        s, "capabilities", {"drop": ["ALL"], "add": ["CAP_NET_RAW", "net_admin"]}
    ),
    "adds-all": lambda s: _context(s, "capabilities", {"drop": ["ALL"], "add": ["ALL"]}),
    "seccomp-none": lambda s: s.get("securityContext", {}).pop("seccompProfile", None),
    "seccomp-pod": lambda s: _pod(s, "seccompProfile", _seccomp("Unconfined")),
    "seccomp-pod-default": lambda s: _pod(s, "seccompProfile", _seccomp("RuntimeDefault")),
    "seccomp-pod-other": lambda s: _pod(
        s, "seccompProfile", _seccomp("Localhost", "policyc/other.json")
    ),
    "seccomp-default": lambda s: _context(s, "seccompProfile", _seccomp("RuntimeDefault")),
    "seccomp-unconfined": lambda s: _context(s, "seccompProfile", _seccomp("Unconfined")),
    "seccomp-slashes": lambda s: _context(
        s, "seccompProfile", _seccomp("Localhost", "policyc//research.json")
    ),
    "runtime-none": lambda s: s.pop("runtimeClassName", None),
    "runtime-other": lambda s: s.__setitem__("runtimeClassName", "runc"),
    "automount": lambda s: s.__setitem__("automountServiceAccountToken", True),
    "automount-off": lambda s: s.__setitem__("automountServiceAccountToken", False),
    "token": _token(None),
    "token-aws": _token("sts.amazonaws.com"),
    "token-gke": _token("project.svc.id.goog"),
    "token-vault": _token("vault"),
    "host-path": lambda s: _volume(s, {"hostPath": {"path": "/var/lib/kubelet/seccomp"}}),
    "host-path-root": lambda s: _volume(s, {"hostPath": {"path": "/"}}),
    "empty-dir": lambda s: _volume(s, {"emptyDir": {}}),
    "image-tag": _image("registry.example.com/agents/research:1"),
    "image-tag-digest": _image(f"registry.example.com/agents/research:1@{DIGEST}"),
    "image-port": _image(f"registry.example.com:443/agents/x@{DIGEST}"),
    "image-port-only": _image("registry.example.com:443/agents/x"),
    "image-suffix": _image(f"registry.example.com.evil.io/agents/x@{DIGEST}"),
    "image-hub": _image(f"agents/research@{DIGEST}"),
    "image-hub-library": _image(f"research@{DIGEST}"),
    "image-hub-index": _image(f"index.docker.io/research@{DIGEST}"),
    "image-case": _image(f"Registry.example.com/agents/x@{DIGEST}"),
    "image-nested": _image(f"registry.example.com/agents/deep/er@{DIGEST}"),
    "image-upper": _image(f"registry.example.com/agents/X@{DIGEST}"),
    "image-short-digest": _image("registry.example.com/agents/x@sha256:abc"),
    "init": lambda s: _sidecar(s, "initContainers"),
    "sidecar": lambda s: _sidecar(s, "initContainers", restartPolicy="Always"),
    "second": lambda s: _sidecar(s, "containers"),
}  # fmt: skip
"""Name -> change.  Some are none: they ask for nothing that the agent does not have."""
