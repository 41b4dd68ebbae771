"""Programs that do what nobody else does, and what of it a profile lacks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from recorder import tables
from support.recorder import Spec

PROGRAMS = Path(__file__).parents[1] / "recorder/programs"
NUMBERS = {name: number for number, name in tables.syscall_names("amd64").items()}
RARE = """sysfs ustat kcmp io_cancel lookup_dcookie mq_notify fremovexattr flistxattr tee splice vmsplice readahead
    sync_file_range fanotify_mark inotify_rm_watch epoll_ctl timerfd_gettime timerfd_settime mq_getsetattr fsync
    fdatasync fadvise64 flock fchmod fchown getdents getdents64 sendfile getsockname getpeername shutdown listen
    fstatfs ftruncate pread64 pwrite64 preadv pwritev io_submit io_getevents io_destroy timer_gettime
    timer_delete pidfd_send_signal pidfd_getfd setns""".split()
"""Calls that a small static program makes only when told, and that do nothing with -1 and zeroes."""

Deed: TypeAlias = "tuple[int, str]"
"""Milliseconds after the start, and a call's name or a file's path."""
Item: TypeAlias = "tuple[str, str]"
"""A domain and what stands in it."""


def build(folder: Path, name: str, source: str = "") -> Path:
    """A static program of tests/recorder/programs; the source is called as it, or as told."""
    made = folder / name
    text = PROGRAMS / f"{source or name}.c"
    subprocess.run(["gcc", "-O1", "-static", str(text), "-o", str(made)], check=True)
    return made


def words(deeds: Iterable[Deed]) -> list[str]:
    """The arguments of the program `rare` that make it do this."""
    return [str(word) for at, deed in deeds for word in (at, NUMBERS.get(deed, deed))]


def items(deeds: Iterable[Deed]) -> frozenset[Item]:
    """What a profile of it must have."""
    return frozenset(("syscalls" if deed in NUMBERS else "files", deed) for _, deed in deeds)


def missing(spec: Spec, expected: Mapping[str, frozenset[Item]]) -> dict[str, set[Item]]:
    """Of the expected items of each run, those that the profile has not as the application's."""
    lacking = {run: set(wanted) for run, wanted in expected.items()}
    for domain, field in (("syscalls", "name"), ("files", "path")):
        for item in spec[domain]:
            for run in item["runs"] if item["phase"] == "application" else ():
                lacking.get(run, set()).discard((domain, item[field]))
    return {run: lack for run, lack in lacking.items() if lack}
