"""Where the control plane's programs are: KUBEBUILDER_ASSETS when set, else the cache and PATH.

The variable and what its folder holds (etcd, kube-apiserver, kubectl) are the convention of
envtest, https://book.kubebuilder.io/reference/envtest (2026).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from .. import go_build  # noqa: TID252  # of `support` or `tests.support`

BUILT = ("kube-apiserver", "kube-controller-manager", "kubectl", "kubelet")
MODULE = Path(__file__).parent
"""The folder of the go.mod that pins what is built."""

_HINTS = {"etcd": "install Debian's etcd-server"} | dict.fromkeys(BUILT, "run `make control-plane`")


class MissingProgramError(Exception):
    """A program of the control plane is not on this machine."""


def version() -> str:
    """The Kubernetes version that go.mod asks for, like ``v1.36.3``."""
    found = re.search(r"\bk8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text())
    assert found, "go.mod requires k8s.io/kubernetes"
    return found[1]


def cache(environment: Mapping[str, str]) -> Path:
    """The folder of the built programs: another one for every version and set of modules."""
    return go_build.cache(
        environment, "control-plane", f"{version()}-{go_build.modules_digest(MODULE)}"
    )


def find(name: str, environment: Mapping[str, str]) -> Path:
    """The executable; MissingProgramError says what brings it."""
    assets = environment.get("KUBEBUILDER_ASSETS")
    folders = [assets] if assets else [str(cache(environment))]
    if name == "etcd":
        folders.append(environment.get("PATH", ""))
    for folder in folders:
        if found := shutil.which(name, path=folder):
            return Path(found)
    hint = f"add it to KUBEBUILDER_ASSETS ({assets})" if assets else _HINTS[name]
    raise MissingProgramError(f"no `{name}` on this machine: {hint}")
