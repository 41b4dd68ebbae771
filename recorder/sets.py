"""The sets that the kernel's maps have of one subject, as sightings of a profile and losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from recorder import components, layout, tables
from recorder.naming import PeerNames
from recorder.profile import UNANSWERED, Sighting, Values
from recorder.sightings import (
    PROTOCOLS,
    Called,
    Clock,
    Entries,
    Named,
    Names,
    Unread,
    end_of,
    was_done,
)

_WRITE = 2
MODES = {1: "read", _WRITE: "write"}
_ANSWERS_ITSELF = sum(1 << tables.CAPABILITIES.index(name) for name in ("NET_ADMIN", "NET_RAW"))
"""Who has used them may have made the packets itself that came to it."""

Phases: TypeAlias = "tuple[str, ...]"
"""What a profile calls the phases of ``layout.PHASES``, in their order."""
WITHIN: Phases = ("setup", "application", "application")
"""Who brings a program from another subject is an application that went on there."""
FROM_RUNTIME: Phases = ("setup", "application", "setup")
"""Who brings one is the runtime."""
Bitmaps: TypeAlias = "Iterable[Iterable[Iterable[int]]]"
"""Words of 64 system calls, by phase and ABI."""


def read(
    subject: layout.Subject,
    entries: Entries,
    names: Names,
    clock: Clock,
    lost: Mapping[str, int],
    phases: Phases = WITHIN,
) -> tuple[list[Sighting], dict[str, int]]:
    """The sightings of a subject so far, and what was lost of it by domain, with what was lost elsewhere."""
    loss = {
        domain: int(subject.lost[i]) + lost.get(domain, 0)
        for i, domain in enumerate(layout.DOMAINS)
    }
    late = names.late_libraries.get(subject.id, 0) + _unfinished(subject.id, entries, names)
    for domain in ("tools", "models"):
        loss[domain] += late
    loss["egress"] += names.naming.unkept[subject.id]
    found = [
        *_syscalls(subject.syscalls, phases),
        *_syscalls(subject.denied, phases, ("denied", True)),
    ]
    found.extend(_capabilities(subject, phases))
    used = zip(phases, subject.granted, strict=True)
    if any(phase == "application" and granted & _ANSWERS_ITSELF for phase, granted in used):
        names.naming.believed.pop(subject.id, None)
    found.extend(_items(entries, names, clock, loss, phases))
    found.extend(components.of_files(found))
    found.extend(_peers(entries, names, clock, phases))
    return found, loss


def _unfinished(subject: int, entries: Entries, names: Names) -> int:
    """How many TLS libraries were opened to be written that had no functions when they were looked at last."""
    files = layout.DOMAINS.index("files")
    written = {
        names.by_item.get((key.subject, key.hash, key.domain, key.phase))
        for key, item in entries.items
        if key.domain == files and item.modes & _WRITE
    }
    return len(written & names.empty_libraries.get(subject, set()))


def _syscalls(bitmaps: Bitmaps, phases: Phases, *more: tuple[str, bool]) -> Iterator[Sighting]:
    for phase, by_abi in zip(phases, bitmaps, strict=True):
        for architecture, words in zip(tables.abis(), by_abi, strict=True):
            known = tables.syscall_names(architecture)
            for number in _bits(words):
                name = known.get(number, f"syscall_{number}")
                values: Values = (("architecture", architecture), *more, ("name", name))
                if name not in tables.PROBING:
                    yield Sighting("syscalls", values, phase)


def _capabilities(subject: layout.Subject, phases: Phases) -> Iterator[Sighting]:
    for phase, asked, granted in zip(phases, subject.asked, subject.granted, strict=True):
        for number in _bits([asked]):
            if number < len(tables.CAPABILITIES):
                given = bool(granted >> number & 1)
                name = tables.CAPABILITIES[number]
                yield Sighting("capabilities", (("granted", given), ("name", name)), phase)


def _items(
    entries: Entries,
    names: Names,
    clock: Clock,
    loss: dict[str, int],
    phases: Phases,
) -> Iterator[Sighting]:
    called = _called(entries, names)
    answered = {end_of(key) for key, peer in entries.peers if peer.answered}
    for key, item in entries.items:
        domain, phase = layout.DOMAINS[key.domain], phases[key.phase]
        if not was_done(item):
            continue
        name = names.by_item.get((key.subject, key.hash, key.domain, key.phase))
        if name is None:
            # The kernel counted it, but its name never came: the ring was full.
            loss[domain] += 1
            continue
        times = clock.wall(item.first_ns), clock.wall(item.last_ns)
        match name:
            case str() if domain == "executables":
                values = _executable(name, called.get((name, key.phase), ()))
            case str():
                values = _file(name, item.modes)
            case Named():
                values = names.values(domain, key.subject, name, answered)
            case Called() | Unread():
                continue
        yield Sighting(domain, values, phase, *times, item.count)


def _called(entries: Entries, names: Names) -> dict[tuple[str, int], set[str]]:
    """Executable and phase -> the shapes of what it was called with."""
    called: dict[tuple[str, int], set[str]] = {}
    for key, _ in entries.items:
        name = names.by_item.get((key.subject, key.hash, key.domain, key.phase))
        if isinstance(name, Called):
            called.setdefault((name.path, key.phase), set()).add(name.arguments)
    return called


def _peers(entries: Entries, names: Names, clock: Clock, phases: Phases) -> Iterator[Sighting]:
    for key, peer in entries.peers:
        protocol = PROTOCOLS.get(key.protocol)
        # A UDP socket that is connected to port 0 only asks for a route.
        if protocol is None or not key.port:
            continue
        domain, end = layout.DOMAINS[key.domain], end_of(key)
        called = names.naming.of(key.subject, end) if domain == "egress" else PeerNames()
        texts = (("hosts", called.claimed), ("resolved", called.resolved))
        values: Values = (("address", end[0]), ("port", key.port), ("protocol", protocol))
        named: Values = (*values, *((name, found) for name, found in texts if found))
        if domain == "egress" and not peer.answered:
            named = (*named, (UNANSWERED, True))
        times = clock.wall(peer.first_ns), clock.wall(peer.last_ns)
        yield Sighting(domain, named, phases[key.phase], *times, peer.count)


def _executable(path: str, arguments: Iterable[str]) -> Values:
    return (("arguments", tuple(sorted(arguments))), ("path", path))


def _file(path: str, modes: int) -> Values:
    return (("modes", tuple(text for bit, text in MODES.items() if modes & bit)), ("path", path))


def _bits(words: Iterable[int]) -> Iterator[int]:
    for index, word in enumerate(words):
        left = word
        while left:
            lowest = left & -left
            yield index * 64 + lowest.bit_length() - 1
            left ^= lowest
