"""Which container a mount namespace is, from what its runtime left on the machine.

Two sources: the command line of the runtime that is just starting it (``runc run --bundle DIR ID``),
which is there before any state file and for the shortest-lived container, and the runtime's
state files, for containers that were there before.  Both lead to the bundle's config.json,
whose annotations say what it is: those of containerd's CRI plug-in, of CRI-O, or our own.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from recorder import resolv_conf
from recorder.errors import ExitCode, RecorderError
from recorder.profile import Workload

STATE_ROOTS = (
    "run/runc", "run/crun", "run/containerd/runc/k8s.io", "run/docker/runtime-runc/moby",
)  # fmt: skip
"""Folders of state files below the host's root: runc(8), crun(1), containerd 1.7 and 2, Docker 20 to 28."""

RUNTIMES = frozenset({"runc", "crun", "youki"})
SEPARATE_KERNELS = ("runsc", "kata")
"""Runtimes whose containers make their calls to a kernel of their own, by the start of their names."""

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
    rootfs: str = ""
    """Its root file system as the host sees it, where that is known."""
    blind: tuple[str, ...] = ()
    """What could not be told of who it was."""
    name_servers: tuple[str, ...] = ()
    """That it was given, by their addresses."""
    is_sandbox: bool = False
    """It holds a pod's namespaces, and runs nothing of the agent."""

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
class Started:
    """A program that was exec'd: its arguments and its working directory."""

    arguments: tuple[str, ...]
    folder: str
    at_ns: int = 0
    """When, in boot time; 0 when that is not known."""
    mntns: int = 0
    """The inode number of the mount namespace that it began in; 0 when that is not known."""


@dataclass(frozen=True)
class Host:
    """Where to look: the host's /proc and root, and further folders of state files."""

    proc: Path = Path("/proc")
    root: Path = Path("/")
    state_roots: tuple[str, ...] = ()

    def container(
        self,
        ancestors: Sequence[tuple[int, int]],
        runtimes: Mapping[int, Started],
        mntns_inum: int,
        first_ns: int,
    ) -> Container | None:
        """The container of a namespace that these processes, a child before its parent, made at a time.

        Each comes with the time at which it began, as another one may have its number by now.
        ``runtimes`` is what the kernel saw of them; /proc is asked about others that are in the machine's own
        mount namespace: elsewhere a program may have any name.  None when no runtime tells.
        """
        known = ((pid, begun, runtimes[pid]) for pid, begun in ancestors if pid in runtimes)
        # A runtime may have a mount namespace of its own, which is no container of its, in whichever cgroup.
        earlier = {
            pid: s
            for pid, begun, s in known
            if begun <= s.at_ns <= first_ns and s.mntns != mntns_inum
        }
        outside = [p for p, _ in ancestors if p in earlier or self.mntns(p) == self.own_mntns]
        return self._from_call(outside, earlier) or self._from_state(mntns_inum)

    def present(self) -> dict[int, Container]:
        """The containers that state files know of now, by the inode number of their mount namespace."""
        found = {self._mntns_of(state): state for state in map(_State.read, self._state_files())}
        return {inum: self._described(state) for inum, state in found.items() if inum}

    def _from_call(self, pids: Iterable[int], runtimes: Mapping[int, Started]) -> Container | None:
        for pid in pids:
            started = runtimes.get(pid) or self._started(pid)
            call = parse(started.arguments)
            for bundle in self._bundles(pid, started.folder, call.bundle) if call else ():
                config = _json(bundle / "config.json")
                if call and config:
                    found = container_of(call.id, call.runtime, _annotations(config))
                    return _with_root(found, bundle, self.root, config)
        return None

    def _started(self, pid: int) -> Started:
        """From /proc, of a process that was there before the recorder."""
        below = self.proc / str(pid)
        try:
            raw = (below / "cmdline").read_bytes()
            return Started(
                tuple(os.fsdecode(raw).rstrip("\0").split("\0")), str((below / "cwd").readlink())
            )
        except OSError:
            return Started((), "")

    def _bundles(self, pid: int, folder: str, named: str) -> tuple[Path, ...]:
        """Where a bundle may lie: as the host sees it, or as the runtime does, in a mount namespace of its own."""
        below = (folder if not named else str(Path(folder) / named)).lstrip("/")
        return self.root / below, self.proc / str(pid) / "root" / below

    def _from_state(self, mntns_inum: int) -> Container | None:
        for file in self._state_files():
            state = _State.read(file)
            if self._mntns_of(state) == mntns_inum:
                return self._described(state)
        return None

    def _mntns_of(self, state: _State) -> int:
        return self.mntns(state.pid) if state.pid else 0

    def _described(self, state: _State) -> Container:
        bundle = self.root / state.bundle.lstrip("/")
        config = _json(bundle / "config.json")
        found = container_of(state.id, state.runtime, _annotations(config) or state.labels)
        return _with_root(found, bundle, self.root, config)

    @cached_property
    def own_mntns(self) -> int:
        """The inode number of the host's own mount namespace; RecorderError when it may not be looked at.

        A machine may let nobody look at its first process; its second is a thread of the kernel.
        """
        found = self.mntns(1) or self.mntns(2)
        if not found:
            raise unreadable(self.proc / "1" / "ns", "SYS_PTRACE")
        return found

    def mntns(self, pid: int) -> int:
        """The inode number of a process's mount namespace; 0 when it is gone."""
        try:
            return (self.proc / str(pid) / "ns/mnt").stat().st_ino
        except OSError:
            return 0

    def _state_files(self) -> Iterator[Path]:
        for folder in (*STATE_ROOTS, *self.state_roots):
            below = self.root / folder.lstrip("/")
            try:
                found = [*below.glob("*/state.json"), *below.glob("*/status")]
            except PermissionError as error:
                raise unreadable(below, "DAC_READ_SEARCH") from error
            yield from sorted(found)


@dataclass(frozen=True, slots=True)
class _State:
    """What a state file says; of a file that is gone or half written, nothing."""

    id: str
    runtime: str
    pid: int
    bundle: str
    labels: Mapping[str, str]

    @staticmethod
    def read(file: Path) -> _State:
        content = _json(file)
        pid = content.get("init_process_pid", content.get("pid"))
        labels = _labels(content)
        return _State(
            file.parent.name,
            "runc" if file.name == "state.json" else "crun",
            pid if isinstance(pid, int) else 0,
            str(content.get("bundle") or labels.get("bundle", "")),
            labels,
        )


def unreadable(path: Path, capability: str) -> RecorderError:
    """Without it, nobody would be known for who they are."""
    return RecorderError(
        ExitCode.NO_PRIVILEGE,
        f"`{path}` cannot be read",
        f"run as root with the capability {capability}",
    )


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


def container_of(id_: str, runtime: str, annotations: Mapping[str, str]) -> Container:
    """The container that annotations describe."""

    def cri(field: str) -> str:
        return next((annotations[name] for name in _CRI[field] if name in annotations), "")

    if cri("kind") == "sandbox":
        pod = Workload("v1", "Pod", cri("namespace"), cri("pod"), "")
        return Container(id_, runtime, pod, is_sandbox=True)
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


def _with_root(
    container: Container, bundle: Path, root: Path, config: Mapping[str, object]
) -> Container:
    """Add the root file system that a bundle names, relative to itself or from the host's root, and name servers."""
    told = config.get("root")
    named = told.get("path") if isinstance(told, dict) else None
    if not isinstance(named, str) or not bundle.is_relative_to(root):
        return container
    inside = Path("/") / bundle.relative_to(root) / named
    servers = resolv_conf.given(bundle, root, config)
    return replace(container, rootfs=str(inside), name_servers=servers)


def annotations_of(bundle: Path) -> dict[str, str]:
    """Those of a bundle's config.json; none when it is gone."""
    return _annotations(_json(bundle / "config.json"))


def _annotations(config: Mapping[str, object]) -> dict[str, str]:
    found = config.get("annotations")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _labels(state: Mapping[str, object]) -> dict[str, str]:
    """Annotations in runc's state, which are a list of `name=value` (libcontainer's Config.Labels)."""
    config = state.get("config")
    labels = config.get("labels") if isinstance(config, dict) else None
    pairs = (str(label).partition("=") for label in labels or ())
    return {name: value for name, _, value in pairs}


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _json(path: Path) -> dict[str, object]:
    """An object, or nothing when the file is gone, half written or something else."""
    try:
        # A pipe of that name would keep who opens it waiting.
        with open(path, "rb", opener=_without_waiting) as file:
            found = json.loads(
                file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
            )
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
