"""A container goes on while it is read: what stands in the profile and in the ledger is all that it had done by then."""

from __future__ import annotations

import ctypes as c
import json
import select
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TypeVar

import pytest
from support.rare_calls import build
from support.recorded_containers import Template, template
from support.recorder import NAMESPACE, Spec, losses, names

from recorder import layout
from recorder.errors import ExitCode, RecorderError
from recorder.identity import Host
from recorder.journal import Journal
from recorder.kernel import Programs, load
from recorder.session import Session
from recorder.tls import Libraries
from recorder.watch import Watch

pytestmark = pytest.mark.system

ROOM = 64
_APPLICATION = layout.PHASES.index("application")
STEP = 'while read x; do : >"/srv/$x"; echo; done'
_Key = TypeVar("_Key", bound=c.Structure)
_Value = TypeVar("_Value", bound=c.Structure)


class Interrupted(Programs):
    """The programs in the kernel; before each look at what they hold something happens."""

    def __init__(self, programs: Programs) -> None:
        self.__dict__.update(programs.__dict__)
        self.happens: Callable[[], object] = int

    def get(self, name: str, key: c.Structure | c.c_uint32, value: type[_Value]) -> _Value | None:
        self.happens()
        return super().get(name, key, value)

    def entries(
        self,
        name: str,
        key: type[_Key],
        value: type[_Value],
        subjects: Collection[int] | None = None,
    ) -> Iterator[tuple[_Key, _Value]]:
        self.happens()
        self.looked_at(name)
        return super().entries(name, key, value, subjects)

    def drain(self) -> None:
        self.happens()
        super().drain()

    def looked_at(self, name: str) -> None:
        """Told before the entries of a map are read."""


class Busy:
    """A container that opens a new file whenever it is told to."""

    def __init__(self, containers: Template) -> None:
        containers.configure(("/bin/busybox", "sh", "-c", STEP))
        self.opened = 0
        self.process = subprocess.Popen(
            containers.arguments(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def open(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"%d\n" % self.opened)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"\n"
        self.opened += 1


class Removing(Programs):
    """The programs in the kernel; while one subject is removed, something happens."""

    def __init__(self, programs: Programs, happens: Callable[[], object], when: str) -> None:
        self.__dict__.update(programs.__dict__)
        self.inum = 0
        """Of the mount namespace of the subject."""
        self.id = 0
        """The subject's."""
        self.happens = happens
        self.when = when
        """Before its value is copied, between that and its end, or after it."""
        self.fails = False
        """Whether what is read next cannot be."""

    def take(self, name: str, key: c.Structure, value: type[_Value]) -> _Value | None:
        before = self.get(name, key, value)
        if not isinstance(before, layout.Subject) or before.mntns_inum != self.inum:
            return super().take(name, key, value)
        self.inum, self.id = 0, before.id
        if self.when != "after":
            self.happens()
        taken = super().take(name, key, value)
        if self.when == "after":
            self.happens()
        return before if self.when == "between" else taken

    def entries(
        self,
        name: str,
        key: type[_Key],
        value: type[_Value],
        subjects: Collection[int] | None = None,
    ) -> Iterator[tuple[_Key, _Value]]:
        if self.fails:
            self.fails = False
            raise RecorderError(ExitCode.OUTPUT, "the map cannot be read", "none")
        return super().entries(name, key, value, subjects)


NEST = "if [ $1 -gt 0 ]; then /bin/busybox sh /bin/nest $(($1 - 1)); true; else /bin/returner; fi"
"""So many shells above it."""


class Returner:
    """A container whose process leaves and enters a mount namespace that it made; shells may be above it."""

    def __init__(self, containers: Template, folder: Path, shells: int = 0) -> None:
        program = containers.install(build(folder, "returner"))
        (containers.folder / "rootfs/bin/nest").write_text(NEST)
        nested = ("/bin/busybox", "sh", "/bin/nest", str(shells))
        containers.configure(nested if shells else (program,))
        self.process = subprocess.Popen(
            containers.arguments(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.inum = int(self._answer())

    def does(self, *lines: str) -> None:
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
            assert self._answer() == b"done\n"

    def _answer(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def _watch(programs: Programs, folder: Path) -> Watch:
    folder.mkdir()
    return Watch(
        programs, Host(), folder, Session.of(programs.hooks), Libraries(programs), Journal(folder)
    )


def _spec(folder: Path) -> Spec:
    read = (json.loads(file.read_bytes())["spec"] for file in folder.glob("[!.]*.json"))
    (only,) = (spec for spec in read if spec["workload"]["namespace"] == NAMESPACE)
    return only


def test_nothing_is_lost_between_two_looks(tmp_path: Path) -> None:
    programs = Interrupted(load({"items": ROOM}))
    try:
        watch = _watch(programs, tmp_path / "out")
        watch.begin()
        busy = Busy(template(tmp_path / "bundle", "runc"))
        with busy.process:
            for _ in range(2 * ROOM):
                busy.open()
            done: dict[str, int] = {}
            programs.looked_at = lambda name: done.setdefault(name, busy.opened)
            programs.happens = busy.open
            watch.write_all(final=False)
            programs.happens = int
            busy.process.communicate(timeout=60)
    finally:
        programs.close()
    spec = _spec(tmp_path / "out")
    (run,) = spec["runs"]
    found = {path for path in names(spec, "files", "path") if path.startswith("/srv/")}
    assert len(found) + run["loss"]["files"] >= done["items"]
    assert len(found) < ROOM


@pytest.mark.parametrize("when", ["before", "between"])
def test_who_comes_back_while_a_subject_is_removed_is_not_lost(tmp_path: Path, when: str) -> None:
    returner: Returner
    programs = Removing(load({}), lambda: returner.does("enter", "/srv/meanwhile"), when)
    try:
        watch = _watch(programs, tmp_path / "out")
        watch.begin()
        returner = Returner(template(tmp_path / "bundle", "runc"), tmp_path)
        with returner.process:
            returner.does("leave")
            programs.inum = returner.inum
            watch.write_all(final=False)
            assert not programs.inum, "it was removed"
            returner.does("/srv/afterwards")
            watch.write_all(final=False)
            returner.process.communicate(timeout=60)
        watch.write_all(final=True)
    finally:
        programs.close()
    spec = _spec(tmp_path / "out")
    found = {path for path in names(spec, "files", "path") if path.startswith("/srv/")}
    assert found == {"/srv/afterwards", "/srv/meanwhile"}
    assert losses(spec).keys() == set(layout.DOMAINS)


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_packet_adds_while_a_subject_is_removed_is_not_lost(
    tmp_path: Path, when: str, fails: bool
) -> None:
    """Packets come to who has no process any more; its sets have them after it was read."""
    arrived = layout.PeerKey(port=9, family=socket.AF_INET, protocol=socket.IPPROTO_UDP)
    arrived.address[:4] = (192, 0, 2, 1)
    arrived.domain, arrived.phase = layout.DOMAINS.index("ingress"), _APPLICATION

    def arrive() -> None:
        arrived.subject = programs.id
        programs.put("peers", arrived, layout.Peer(first_ns=1, last_ns=1, count=1))
        programs.fails = fails

    programs = Removing(load({}), arrive, when)
    try:
        watch = _watch(programs, tmp_path / "out")
        watch.begin()
        returner = Returner(template(tmp_path / "bundle", "runc"), tmp_path)
        with returner.process:
            returner.does("leave")
            programs.inum = returner.inum
            with pytest.raises(RecorderError) if fails else nullcontext():
                watch.write_all(final=False)
            assert programs.id, "it was removed"
            if fails:
                watch.write_all(final=False)
            returner.process.communicate(timeout=60)
        assert not list(
            programs.entries("peers", layout.PeerKey, layout.Peer, subjects=[programs.id])
        )
        watch.write_all(final=True)
    finally:
        programs.close()
    spec = _spec(tmp_path / "out")
    assert names(spec, "ingress", "address") == {"192.0.2.1"}
    assert losses(spec) == {}


def test_what_cannot_be_written_for_a_while_is_counted_once(tmp_path: Path) -> None:
    programs = load({"items": ROOM})
    try:
        watch = _watch(programs, tmp_path / "out")
        watch.begin()
        busy = Busy(template(tmp_path / "bundle", "runc"))
        with busy.process:
            busy.open()
            watch.write_all(final=False)
            (profile,) = (tmp_path / "out").glob("[!.]*.json")
            for _ in range(2 * ROOM):
                busy.open()
            busy.process.communicate(timeout=60)
        profile.write_text("of somebody else")
        for _ in range(2):
            with pytest.raises(RecorderError, match="would be overwritten"):
                watch.write_all(final=False)
        assert watch.counts.lost["files"] == 0
        profile.unlink()
        watch.write_all(final=True)
    finally:
        programs.close()
    (run,) = _spec(tmp_path / "out")["runs"]
    assert watch.counts.lost == run["loss"]
    assert run["loss"]["files"] >= ROOM


def test_one_of_whose_origin_nobody_was_told_is_that_container(tmp_path: Path) -> None:
    """The ring had no room for the one, and room for the other, which no runtime is near."""
    programs = load({})
    try:
        watch = _watch(programs, tmp_path / "out")
        watch.begin()
        returner = Returner(template(tmp_path / "bundle", "runc"), tmp_path, layout.ANCESTORS + 1)
        with returner.process, select.epoll() as news:
            programs.drain()
            watch.names.begun = [
                told
                for told in watch.names.begun
                if (made := programs.get("subjects", told.key, layout.Subject))
                and made.mntns_inum == returner.inum
            ]
            assert len(watch.names.begun) == 1
            watch.step(news, 0, may_write=False)
            returner.does("/srv/inside")
            returner.process.communicate(timeout=60)
        watch.write_all(final=True)
    finally:
        programs.close()
    spec = _spec(tmp_path / "out")
    assert "/srv/inside" in names(spec, "files", "path")
    assert losses(spec) == {}
