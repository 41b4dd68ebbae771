"""What the maps and the ring of the kernel say of one subject, as sightings and losses."""

from __future__ import annotations

import ctypes as c
import posixpath
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from recorder import layout, tables
from recorder.kernel import Programs
from recorder.profile import Sighting

MODES = {1: "read", 2: "write"}


@dataclass(frozen=True, slots=True)
class Clock:
    """Boot time to wall time.  Taken once, so that a clock that jumps moves no interval."""

    offset_seconds: float

    @staticmethod
    def now() -> Clock:
        return Clock(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))

    def wall(self, boot_ns: int) -> float:
        return self.offset_seconds + boot_ns / 1e9


ItemId = tuple[int, int, int, int]
"""Subject, hash, domain, phase: as the kernel's map of items has them."""


@dataclass(slots=True)
class Names:
    """The names that came through the ring, by the item that they belong to."""

    by_item: dict[ItemId, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)

    def receive(self, raw: bytes) -> None:
        """One event of the ring."""
        event = layout.Event.from_buffer_copy(raw)
        head = c.sizeof(layout.Event)
        text = raw[head : head + event.bytes]
        match event.kind:
            case layout.EVENT_SUBJECT:
                self.begun.add(event.subject)
            case layout.EVENT_ENDED:
                self.ended.add(event.subject)
            case layout.EVENT_PATH:
                key = (event.subject, event.hash, event.domain, event.phase)
                self.by_item[key] = path_of(text)

    def forget(self, subject: int) -> None:
        """Drop what is kept of a subject that was written."""
        self.by_item = {key: name for key, name in self.by_item.items() if key[0] != subject}


def path_of(components: bytes) -> str:
    r"""``b"libc.so.6\0lib\0usr\0"`` is /usr/lib/libc.so.6; an absolute component starts anew."""
    parts = components.rstrip(b"\0").split(b"\0")
    texts = [part.decode("utf-8", "backslashreplace") for part in reversed(parts)]
    return posixpath.normpath(posixpath.join("/", *texts))


def read(
    programs: Programs, subject: layout.Subject, names: Names, clock: Clock
) -> tuple[list[Sighting], dict[str, int]]:
    """The sightings of a subject so far, and what was lost of it by domain."""
    loss = {domain: int(subject.lost[i]) for i, domain in enumerate(layout.DOMAINS)}
    found = [*_syscalls(subject), *_capabilities(subject)]
    entries = programs.entries("items", layout.ItemKey, layout.Item)
    mine = ((key, item) for key, item in entries if key.subject == subject.id)
    found.extend(_items(mine, names, clock, loss))
    return found, loss


def _syscalls(subject: layout.Subject) -> Iterator[Sighting]:
    for phase, by_abi in zip(layout.PHASES, subject.syscalls, strict=True):
        for architecture, words in zip(tables.abis(), by_abi, strict=True):
            known = tables.syscall_names(architecture)
            for number in _bits(words):
                name = known.get(number, f"syscall_{number}")
                yield Sighting("syscalls", (("architecture", architecture), ("name", name)), phase)


def _capabilities(subject: layout.Subject) -> Iterator[Sighting]:
    for phase, asked, granted in zip(layout.PHASES, subject.asked, subject.granted, strict=True):
        for number in _bits([asked]):
            if number < len(tables.CAPABILITIES):
                given = bool(granted >> number & 1)
                name = tables.CAPABILITIES[number]
                yield Sighting("capabilities", (("granted", given), ("name", name)), phase)


def _items(
    entries: Iterable[tuple[layout.ItemKey, layout.Item]],
    names: Names,
    clock: Clock,
    loss: dict[str, int],
) -> Iterator[Sighting]:
    for key, item in entries:
        domain, phase = layout.DOMAINS[key.domain], layout.PHASES[key.phase]
        name = names.by_item.get((key.subject, key.hash, key.domain, key.phase))
        if name is None:
            # The kernel counted it, but its name never came: the ring was full.
            loss[domain] += 1
            continue
        times = clock.wall(item.first_ns), clock.wall(item.last_ns)
        yield Sighting(domain, _values(domain, name, item.modes), phase, *times, item.count)


def _values(domain: str, path: str, modes: int) -> tuple[tuple[str, str | tuple[str, ...]], ...]:
    if domain == "executables":
        return (("path", path),)
    return (("modes", tuple(text for bit, text in MODES.items() if modes & bit)), ("path", path))


def _bits(words: Iterable[int]) -> Iterator[int]:
    for index, word in enumerate(words):
        for bit in range(64):
            if word >> bit & 1:
                yield index * 64 + bit
