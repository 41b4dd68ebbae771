"""Containers under runc and crun: a busybox root file system, and one container at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from . import oci

Ended: TypeAlias = "subprocess.CompletedProcess[bytes]"

BUSYBOX = Path("/bin/busybox")
TIMEOUT_SECONDS = 60
CWD = "/srv"

# crun 1.8 refuses hosts that mount cgroup v1 and v2 side by side ("cgroups in hybrid mode
# not supported", src/libcrun/cgroup.c), even when told to use no cgroups.  In a mount
# namespace of its own it finds v2 alone.
_CGROUP2_ALONE = (
    "unshare", "--mount", "sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh",
)  # fmt: skip

RUNTIMES: dict[str, tuple[str, ...]] = {
    "runc": ("runc",),
    "crun": (*_CGROUP2_ALONE, "crun", "--cgroup-manager=disabled"),
}
"""Runtime -> how its command line starts."""


@dataclass(frozen=True, slots=True)
class Process:
    """What decides which of its last steps a runtime takes before the filter, and which after.

    Without ``no_new_privileges`` the filter is installed first, and the change of user
    and capabilities happens under it (runtime-spec 1.2, config.md, noNewPrivileges).
    """

    user: int
    no_new_privileges: bool

    def __str__(self) -> str:
        return f"uid{self.user}{'-nnp' * self.no_new_privileges}"


RESTRICTED = Process(10001, no_new_privileges=True)
"""As the pod security standard `restricted` has it."""
UNRESTRICTED = Process(0, no_new_privileges=False)
"""As a pod without a security context has it."""
USER = Process(10001, no_new_privileges=False)
"""The most calls under the filter: the runtime changes the user there, and hands over streams."""
PROCESSES = (RESTRICTED, UNRESTRICTED, USER)


def require(*programs: str) -> None:
    """AssertionError when these tests cannot run here: a skipped proof would be none."""
    assert os.geteuid() == 0, "containers are started as root: run `make system` as root"
    missing = [program for program in programs if shutil.which(program) is None]
    assert not missing, f"not installed: {', '.join(missing)} (the packages stand in .ci/run)"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder for one container: its root file system, configuration and runtime state."""

    folder: Path
    runtime: str
    id: str
    """Unique on the machine: runc names the container's cgroups by it."""

    @property
    def rootfs(self) -> Path:
        return self.folder / "rootfs"

    def install(self, name: str, program: bytes) -> str:
        """Put a program into the root file system; its path in the container."""
        path = self.rootfs / "bin" / name
        path.write_bytes(program)
        path.chmod(0o755)
        return f"/bin/{name}"

    def run(
        self,
        command: Sequence[str],
        seccomp: Any,
        process: Process,
        before: Callable[[], object] | None = None,
    ) -> Ended:
        """Run the command in a container to its end; ``seccomp`` as runtime-spec's linux.seccomp.

        ``before`` is called in the process that becomes the runtime.
        """
        self._configure(command, seccomp, process)
        return self._call("run", "--bundle", str(self.folder), self.id, before=before)

    def start(self, command: Sequence[str], seccomp: Any, process: Process) -> Ended:
        """Start a container and leave it running; what it prints goes nowhere."""
        self._configure(command, seccomp, process)
        return self._call("run", "--detach", "--bundle", str(self.folder), self.id, quiet=True)

    def exec(self, command: Sequence[str], process: Process) -> Ended:
        """Run a further command in the running container, as `kubectl exec` and probes do."""
        as_user = ("--user", f"{process.user}:{process.user}")
        return self._call("exec", "--cwd", CWD, *as_user, self.id, *command)

    def remove(self) -> None:
        """Kill what still runs of the container, and delete it; nothing when there is none."""
        self._call("delete", "--force", self.id)

    def _configure(self, command: Sequence[str], seccomp: Any, process: Process) -> None:
        document = configuration(command, seccomp, process)
        (self.folder / "config.json").write_text(json.dumps(document), encoding="utf-8")

    def _call(
        self, *arguments: str, before: Callable[[], object] | None = None, quiet: bool = False
    ) -> Ended:
        state = ("--root", str(self.folder / "state"))
        # A container that is left running would hold pipes open.
        output = subprocess.DEVNULL if quiet else subprocess.PIPE
        return subprocess.run(
            [*RUNTIMES[self.runtime], *state, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            timeout=TIMEOUT_SECONDS,
            preexec_fn=before,
        )


def bundle(folder: Path, runtime: str) -> Bundle:
    """An empty bundle whose root file system holds busybox."""
    require("busybox", "unshare", "mount", runtime)
    made = Bundle(folder, runtime, f"policyc-test-{uuid.uuid4().hex}")
    (made.rootfs / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, made.rootfs / "bin" / "busybox")
    for name in ("dev", "proc", "srv"):
        (made.rootfs / name).mkdir()
    (made.rootfs / "srv").chmod(0o777)
    return made


def configuration(command: Sequence[str], seccomp: Any, process: Process) -> dict[str, Any]:
    """A container with what Kubernetes sets by default."""
    held = ("CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE", "CAP_KILL")
    return oci.configuration(
        "rootfs",
        oci.process(
            command,
            {"PATH": "/bin"},
            user=process.user,
            cwd=CWD,
            groups=(2000,),
            capabilities=held,
            no_new_privileges=process.no_new_privileges,
        ),
        (oci.PROC, oci.DEV),
        ("pid", "ipc", "uts", "mount", "network"),
        is_read_only=False,
        seccomp=seccomp,
    )
