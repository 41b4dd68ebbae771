"""Which container a mount namespace is, from what its runtime left on the machine.

Two sources: the command line of the runtime that is just starting it (``runc run --bundle DIR ID``),
which is there before any state file and for the shortest-lived container, and the runtime's
state files, for containers that were there before.  Both lead to the bundle's config.json,
whose annotations say what it is: those of containerd's CRI plug-in, of CRI-O, or our own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.profile import Workload

STATE_ROOTS = (
    "run/runc", "run/crun", "run/containerd/runc/k8s.io", "run/docker/runtime-runc/moby",
)  # fmt: skip
"""Folders of state files below the host's root: runc(8), crun(1), containerd 1.7 and 2, Docker 20 to 28."""

RUNTIMES = frozenset({"runc", "crun", "youki"})
SEPARATE_KERNELS = ("runsc", "kata")
"""Runtimes whose containers make their calls to a kernel of their own, by the start of their names."""

_ANCESTORS = 6
_WITH_VALUE = frozenset(
    """--root --log --log-format --criu --rootless --bundle -b --console-socket --pid-file --config -f
    --preserve-fds --cgroup-manager --log-level""".split()
)  # global and `create`/`run` options of runc 1.1 and crun 1.8 that take a value

_OURS = "policyc.dev/"
_CRI = {
    "namespace": ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
    "pod": ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
    "container": ("io.kubernetes.cri.container-name", "io.kubernetes.container.name"),
    "kind": ("io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"),
}
"""What the annotations of containerd (pkg/cri/annotations, 2.1) and CRI-O (pkg/annotations, 1.31) are called."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container.  ``pod`` is set when the workload is only known to be that pod's owner."""

    id: str
    runtime: str
    workload: Workload
    pod: bool = False
    template_hash: str = ""
    image_digest: str = ""

    @property
    def has_own_kernel(self) -> bool:
        return self.runtime.startswith(SEPARATE_KERNELS)


@dataclass(frozen=True, slots=True)
class Call:
    """A runtime's command line that starts a container."""

    runtime: str
    id: str
    bundle: str  # "" is the working directory


@dataclass(frozen=True, slots=True)
class Host:
    """Where to look: the host's /proc and root, and further folders of state files."""

    proc: Path = Path("/proc")
    root: Path = Path("/")
    state_roots: tuple[str, ...] = ()

    def container(self, pid: int, mntns_inum: int) -> Container | None:
        """The container of a namespace that this process was first seen in; None when no runtime tells."""
        return self._from_call(pid) or self._from_state(mntns_inum)

    def _from_call(self, pid: int) -> Container | None:
        for ancestor in self._ancestors(pid):
            call = parse(self._arguments(ancestor))
            if call:
                below = self.proc / str(ancestor)
                folder = call.bundle.lstrip("/") if call.bundle.startswith("/") else ""
                bundle = below / "root" / folder if folder else below / "cwd" / call.bundle
                return container_of(call.id, call.runtime, _annotations(bundle / "config.json"))
        return None

    def _from_state(self, mntns_inum: int) -> Container | None:
        for file in self._state_files():
            state = _json(file)
            pid = state.get("init_process_pid", state.get("pid"))
            if self.mntns(pid if isinstance(pid, int) else 0) != mntns_inum:
                continue
            bundle = str(state.get("bundle") or _labels(state).get("bundle", ""))
            found = _annotations(self.root / bundle.lstrip("/") / "config.json")
            runtime = "runc" if file.name == "state.json" else "crun"
            return container_of(file.parent.name, runtime, found or _labels(state))
        return None

    def mntns(self, pid: int) -> int:
        """The inode number of a process's mount namespace; 0 when it is gone."""
        try:
            return (self.proc / str(pid) / "ns/mnt").stat().st_ino
        except OSError:
            return 0

    def _state_files(self) -> Iterator[Path]:
        for folder in (*STATE_ROOTS, *self.state_roots):
            for name in ("state.json", "status"):
                yield from sorted((self.root / folder.lstrip("/")).glob(f"*/{name}"))

    def _ancestors(self, pid: int) -> Iterator[int]:
        for _ in range(_ANCESTORS):
            if pid <= 1:
                return
            yield pid
            pid = self._parent(pid)

    def _parent(self, pid: int) -> int:
        try:
            # pid (comm) state ppid: proc_pid_stat(5); comm may hold anything, also brackets.
            text = (self.proc / str(pid) / "stat").read_text(errors="replace")
            return int(text.rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            return 0

    def _arguments(self, pid: int) -> list[str]:
        try:
            raw = (self.proc / str(pid) / "cmdline").read_bytes()
        except OSError:
            return []
        return raw.decode(errors="replace").rstrip("\0").split("\0")


def parse(arguments: Sequence[str]) -> Call | None:
    """What a command line starts, when it is a runtime's `run` or `create`."""
    if not arguments:
        return None
    runtime = Path(arguments[0]).name
    if runtime not in RUNTIMES and not runtime.startswith(SEPARATE_KERNELS):
        return None
    words, bundle = _words(arguments[1:])
    if len(words) != 2 or words[0] not in {"run", "create"}:
        return None
    return Call(runtime, words[1], bundle)


def _words(arguments: Sequence[str]) -> tuple[list[str], str]:
    """The words that are no options, and the value of --bundle."""
    words, bundle = [], ""
    rest = iter(arguments)
    for argument in rest:
        name, given, value = argument.partition("=")
        if name in _WITH_VALUE and not given:
            value = next(rest, "")
        if name in {"--bundle", "-b"}:
            bundle = value
        if not argument.startswith("-"):
            words.append(argument)
    return words, bundle


def container_of(id_: str, runtime: str, annotations: Mapping[str, str]) -> Container | None:
    """The container that annotations describe; None for a pod's sandbox, which runs nothing of the agent."""

    def cri(field: str) -> str:
        return next((annotations[name] for name in _CRI[field] if name in annotations), "")

    if cri("kind") == "sandbox":
        return None
    named = annotations.get(f"{_OURS}workload", "").rsplit("/", 3)
    container = annotations.get(f"{_OURS}container") or cri("container")
    details = (
        annotations.get(f"{_OURS}template-hash", ""),
        annotations.get(f"{_OURS}image-digest", ""),
    )
    if len(named) == 4 and all(named):
        workload = Workload(named[0], named[1], named[2], named[3], container or named[3])
        return Container(id_, runtime, workload, False, *details)
    if cri("pod"):
        workload = Workload("v1", "Pod", cri("namespace"), cri("pod"), container)
        return Container(id_, runtime, workload, True, *details)
    return Container(id_, runtime, Workload("v1", "Pod", "default", id_, id_), False, *details)


def _annotations(path: Path) -> dict[str, str]:
    found = _json(path).get("annotations")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _labels(state: Mapping[str, object]) -> dict[str, str]:
    """Annotations in runc's state, which are a list of `name=value` (libcontainer's Config.Labels)."""
    config = state.get("config")
    labels = config.get("labels") if isinstance(config, dict) else None
    pairs = (str(label).partition("=") for label in labels or ())
    return {name: value for name, _, value in pairs}


def _json(path: Path) -> dict[str, object]:
    """An object, or nothing when the file is gone, half written or something else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
