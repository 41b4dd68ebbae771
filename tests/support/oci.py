"""A container's configuration, as runtime-spec 1.0.2 has it.

What is left out on purpose, so that containers also run where the tests are in a container
themselves: rlimits (raising one wants CAP_SYS_RESOURCE) and cgroup limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = Any  # documents of the specification

PROC: Json = {"destination": "/proc", "type": "proc", "source": "proc"}
DEV: Json = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}
TMP: Json = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
MASKED: Json = {
    "maskedPaths": ["/proc/kcore", "/proc/keys"],
    "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
}
"""Some of what Kubernetes hides of /proc by default."""


def bind(destination: str, source: Path | str, *options: str) -> Json:
    """A folder of the host in the container."""
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": ["rbind", *options],
    }


def configuration(
    root: Path | str,
    process: Json,
    mounts: Sequence[Json],
    namespaces: Iterable[str | Json],
    *,
    is_read_only: bool = True,
    annotations: Mapping[str, str] | None = None,
    hostname: str = "case",
    linux: Json = MASKED,
    seccomp: Json = None,
) -> dict[str, Any]:
    """``namespaces``: names of new ones, or objects that say whose; ``linux``: what else is in there."""
    own = [{"type": entry} if isinstance(entry, str) else entry for entry in namespaces]
    filtered = {} if seccomp is None else {"seccomp": seccomp}
    return {
        "ociVersion": "1.0.2",
        "annotations": dict(annotations or {}),
        "process": process,
        "root": {"path": str(root), "readonly": is_read_only},
        "hostname": hostname,
        "mounts": [*mounts],
        "linux": {"namespaces": own, **linux, **filtered},
    }


def process(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    user: int,
    cwd: str,
    groups: Sequence[int] = (),
    capabilities: Sequence[str] = (),
    no_new_privileges: bool = True,
) -> Json:
    """``capabilities`` are held in every set but the inheritable and ambient ones."""
    kinds = ("bounding", "effective", "permitted")
    return {
        "user": {"uid": user, "gid": user, "additionalGids": [*groups]},
        "args": [*command],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": cwd,
        "capabilities": {kind: [*capabilities] for kind in kinds},
        "noNewPrivileges": no_new_privileges,
    }
