"""The recorder as a service: one at a time for a folder, stopped by a signal, never by a full disk."""

from __future__ import annotations

import fcntl
import json
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from recorder import descriptors, metrics, store
from recorder.errors import ExitCode, RecorderError
from recorder.identity import Host
from recorder.journal import Journal, left
from recorder.kernel import Programs, load
from recorder.mirror import Mirror
from recorder.naming import Network
from recorder.objects import Objects
from recorder.owners import Owners
from recorder.session import Session
from recorder.tls import Libraries
from recorder.watch import Watch

LOCK = ".recorder.lock"
STATUS = ".recorder.json"
RETRY_SECONDS = 5.0
RENEWALS = 200
"""What renewing the files of living containers takes of a processor is at most one part of so many."""


@dataclass(frozen=True, slots=True)
class Service:
    """How every container of this machine is recorded.

    ``seconds`` is for how long, None without end; ``every_seconds`` how often files are renewed;
    ``entries`` as in ``kernel.load``; ``owners`` and ``objects`` ask and tell an API server;
    ``name_servers`` as in ``Watch``.
    """

    output: Path
    host: Host
    seconds: float | None
    every_seconds: float
    listen: tuple[str, int] | None
    entries: Mapping[str, int]
    owners: Owners | None = None
    objects: Objects | None = None
    name_servers: tuple[Network, ...] = ()


def run(service: Service) -> None:
    """Record until SIGTERM, SIGINT or the end of the time; RecorderError when what is left cannot be written."""
    output = service.output
    with _only_one(output):
        stop, waking = _signals()  # before anybody is told that it is ready
        descriptors.raise_limit()
        programs = load(service.entries)
        try:
            killed = _was_killed(output)
            watch = _watch(service, programs, after_kill=killed)
            watch.begin()
            watch.bequeath(left(output) if killed else ())
            watch.journal.write()
            with metrics.serve(watch, service.listen) as watch.listening:
                _say(output, watch, clean=False)
                sys.stderr.write(
                    f"recorder: ready; records every container of this machine, profiles go to {output}\n"
                )
                with select.epoll() as news:
                    news.register(programs.descriptor, select.EPOLLIN)
                    news.register(waking, select.EPOLLIN)
                    _loop(watch, stop, news, service.seconds, service.every_seconds)
                watch.programs.drain()
                watch.write_all(final=True)
                if watch.mirror:
                    watch.mirror.end()
            _say(output, watch, clean=True)
        finally:
            programs.close()


def _watch(service: Service, programs: Programs, *, after_kill: bool) -> Watch:
    return Watch(
        programs,
        service.host,
        service.output,
        Session.of(programs.hooks),
        Libraries(programs, service.host.root),
        Journal(service.output),
        service.owners,
        Mirror(service.output, service.objects) if service.objects else None,
        service.name_servers,
        after_kill,
    )


def status(output: Path) -> str:
    """What the recorder of this folder says of itself, as JSON; RecorderError when none is running."""
    told = _told(output)
    if not told or told.get("clean") or not _is_locked(output):
        raise RecorderError(
            ExitCode.NOT_RUNNING,
            f"no recorder writes to `{output}`",
            "start one with `python -m recorder run --output DIR`",
        )
    return json.dumps(told, indent=2)


def _loop(
    watch: Watch,
    stop: Event,
    news: select.epoll,
    seconds: float | None,
    every_seconds: float,
) -> None:
    now = time.monotonic()
    end = math.inf if seconds is None else now + seconds
    flush_at, failed_until = now + every_seconds, 0.0
    while not stop.is_set() and now < end:
        may_write = now >= failed_until
        until = min(end, flush_at if may_write else failed_until)
        try:
            watch.step(news, max(0.0, until - now), may_write=may_write)
            if may_write and now >= flush_at:
                before = time.monotonic()
                watch.write_all(final=False)
                spent = time.monotonic() - before
                flush_at = now + max(every_seconds, RENEWALS * spent)
                watch.failure = ""
                _say(watch.output, watch, clean=False)
        except RecorderError as failure:
            # Nothing is lost yet: the maps still have it.
            sys.stderr.write(f"recorder: {failure}\n  help: {failure.remedy}\n")
            watch.failure = str(failure)
            failed_until = now + RETRY_SECONDS
        now = time.monotonic()


def _signals() -> tuple[Event, int]:
    """What a signal sets, and a descriptor that can be read from then on: one that comes just before a wait ends it."""
    stop = Event()
    waking, written = socket.socketpair()
    written.setblocking(False)
    # Both stay open as long as the process: they are never closed by being forgotten.
    signal.set_wakeup_fd(written.detach())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop, waking.detach()


@contextmanager
def _only_one(output: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel gives back however this process ends."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        store.probe(output)
        file = (output / LOCK).open("a")
    except OSError as error:
        raise store.failure(output / LOCK, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecorderError(
                ExitCode.SECOND_RECORDER,
                f"another recorder writes to `{output}`",
                "`python -m recorder status` shows it; give this one a folder of its own",
            ) from error
        yield


def _is_locked(output: Path) -> bool:
    try:
        with (output / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _was_killed(output: Path) -> bool:
    told = _told(output)
    return bool(told) and not told.get("clean")


def _told(output: Path) -> dict[str, object]:
    try:
        found = json.loads((output / STATUS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _say(output: Path, watch: Watch, *, clean: bool) -> None:
    told: dict[str, object] = {
        "pid": os.getpid(),
        "clean": clean,
        "listening": watch.listening,
        "recording": sum(known.container is not None for known in watch.subjects.here.values()),
        "containers": watch.counts.containers,
        "ended": watch.counts.ended,
        "unresolved": watch.counts.unresolved,
        "strangers": watch.strangers.met,
        "lost": watch.counts.lost,
        "hooksMissing": list(watch.session.hooks.missing),
        "notReady": watch.faults(),
    }
    if watch.owners:
        told["ownersUnanswered"] = watch.owners.unanswered
    if watch.mirror:
        told["objectsWritten"] = watch.mirror.written
        told["objectsPending"] = watch.mirror.pending.copy()
    try:
        store.replace(output / STATUS, (json.dumps(told) + "\n").encode())
    except OSError as error:
        raise store.failure(output / STATUS, error) from error
