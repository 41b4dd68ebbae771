"""Record one command and all its descendants, from before its first instruction."""

from __future__ import annotations

import ctypes as c
import errno
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recorder import blind, descriptors, layout, profile, resolv_conf, sets, sightings, store, tls
from recorder.errors import ExitCode, RecorderError
from recorder.kernel import Programs, load
from recorder.layers import RootFileSystem
from recorder.naming import Network
from recorder.reading import readings
from recorder.session import Session

TREE = 1
POLL_MS = 100
NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Outcome:
    """The profile's file, and how the command ended: its exit status, or -N for signal N."""

    path: Path
    status: int


def record(
    command: Sequence[str],
    output: Path,
    workload: profile.Workload,
    seconds: float | None,
    entries: Mapping[str, int],
    name_servers: Sequence[Network],
) -> Outcome:
    """Run the command to its end, or for so long; then end it and write its profile.

    ``entries``: as in ``kernel.load``.  ``name_servers`` are believed besides this machine's own.
    """
    store.check(output, workload)
    allowed = descriptors.raise_limit()
    programs, names = load(entries), sightings.Names()
    names.naming.believe(TREE, _own_name_servers(), name_servers)
    try:
        return _record(programs, names, command, allowed, output, workload, seconds)
    finally:
        programs.close()


def _record(
    programs: Programs,
    names: sightings.Names,
    command: Sequence[str],
    allowed: descriptors.Limits,
    output: Path,
    workload: profile.Workload,
    seconds: float | None,
) -> Outcome:
    session = Session.of(programs.hooks)
    programs.teach()
    programs.listen(names.receive)
    libraries = tls.Libraries(programs)
    libraries.attach_below(RootFileSystem(Path("/"), is_mount=False))
    missed = sightings.missed(programs)
    follow = partial(tls.follow, names, libraries, Path("/proc"), lambda _: Path("/"))
    child, gate, fault = _start_held(command, allowed)
    _mark(programs, child)
    os.close(gate)
    status = _wait(programs, child, seconds, follow)
    _refuse_unstarted(command[0], fault)

    def drain() -> None:
        programs.drain()
        follow()

    read = readings(programs, {TREE: layout.SubjectKey(tree=TREE)}, drain)[TREE]
    lost = {domain: count - missed[domain] for domain, count in sightings.missed(programs).items()}
    found, loss = sets.read(read.subject, read.entries, names, session.clock, lost)
    spots = tuple(blind.of_run(TREE, found, read.entries, names))
    run = session.run(uuid.uuid4().hex, read.subject, loss, spots)
    document = profile.report(workload, run, found, programs.hooks.domains)
    return Outcome(store.write(output, document), status)


def _own_name_servers() -> tuple[str, ...]:
    """Those of this machine, before the command may change them."""
    try:
        text = Path("/", resolv_conf.PATH).read_text(errors="replace")
    except OSError:
        return ()
    return tuple(resolv_conf.name_servers(text))


def _start_held(command: Sequence[str], allowed: descriptors.Limits) -> tuple[int, int, int]:
    """A child that waits, before its exec, until the gate is closed; and where it tells the exec's errno."""
    waiting, gate = os.pipe()
    fault, telling = os.pipe()  # closed by an exec
    child = os.fork()
    if child:
        os.close(waiting)
        os.close(telling)
        return child, gate, fault
    try:
        os.close(gate)
        os.close(fault)
        os.setpgid(0, 0)
        descriptors.restore(allowed)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.read(waiting, 1)
        os.close(waiting)
        os.execvp(command[0], list(command))  # noqa: S606  # no shell, on purpose
    except OSError as error:
        os.write(telling, str(error.errno).encode())
    finally:
        os._exit(NOT_FOUND)


def _refuse_unstarted(program: str, fault: int) -> None:
    """RecorderError when the child, which has ended, told that there was no exec."""
    with os.fdopen(fault) as told:
        number = int(told.read() or 0)
    if number:
        raise RecorderError(
            ExitCode.COMMAND_NOT_FOUND,
            f"`{program}` cannot be run: {os.strerror(number).lower()}",
            _remedy(Path(program), number, is_path="/" in program),
        )


def _remedy(program: Path, number: int, *, is_path: bool) -> str:
    """What to do about an errno of execve(2)."""
    match number:
        case errno.EACCES if is_path and program.is_dir():
            return "it is a folder: name a program after `--`"
        case errno.EACCES if is_path:
            return "make it executable, or name its interpreter first: `-- python3 agent.py`"
        case errno.ENOEXEC:
            return (
                "begin it with `#!` and its interpreter, or name that first: `-- python3 agent.py`"
            )
        case errno.ENOENT if is_path and program.exists():
            return "its interpreter, in the first line or the ELF header, is missing: install it"
        case errno.ENOENT if not is_path and program.is_file():
            return f"it is not in PATH: name it by a path, `-- ./{program}`"
    return "name a program after `--`"


def _mark(programs: Programs, child: int) -> None:
    """Make the child the root of the recorded tree."""
    key = layout.SubjectKey(tree=TREE)
    begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    subject = layout.Subject(id=TREE, alive=1, first_ns=begun)
    programs.put("subjects", key, subject)
    handle = os.pidfd_open(child)
    try:
        programs.put("task_states", c.c_int(handle), layout.TaskState(key=key, subject=TREE))
    finally:
        os.close(handle)


def _wait(programs: Programs, child: int, seconds: float | None, follow: Callable[[], None]) -> int:
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        programs.poll(POLL_MS)
        follow()
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() >= deadline:
            os.killpg(child, signal.SIGKILL)
            deadline = None
