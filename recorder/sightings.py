"""What the ring of the kernel tells of subjects, and the entries of its maps."""

from __future__ import annotations

import ctypes as c
import ipaddress
import json
import os
import posixpath
import re
import socket
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from recorder import layout, wire
from recorder.identity import Started
from recorder.kernel import Programs
from recorder.naming import End, Naming
from recorder.profile import Values

PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp", 132: "sctp"}
_LIBRARY = re.compile(r"(libssl(-\w+)?\.so(\.\d+)*|_ssl\.[\w.-]+\.so|node|nodejs)")
"""libssl.so.3, libssl-0a1b2c.so.3 of a wheel, _ssl.cpython-312-x86_64-linux-gnu.so, Node with its own."""
_CLAIMED: Values = (("claimed", True),)


@dataclass(frozen=True, slots=True)
class Clock:
    """Boot time to wall time.  Taken once, so that a clock that jumps moves no interval."""

    offset_seconds: float

    @staticmethod
    def now() -> Clock:
        return Clock(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))

    def wall(self, boot_ns: int) -> float:
        return self.offset_seconds + boot_ns / 1e9


ItemId: TypeAlias = "tuple[int, int, int, int]"
"""Subject, hash, domain, phase: as the kernel's map of items has them."""


@dataclass(frozen=True, slots=True)
class Named:
    """A tool or model, and the server: by its name, as the side that it was seen at has it, or by the connection's peer."""

    name: str
    server: str
    side: int = 0
    peer: layout.PeerKey | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """What an executable was called with, by its shape."""

    path: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, at the first time that a subject opened or executed it."""

    subject: int
    process: int
    path: str
    at_ns: int
    """On CLOCK_BOOTTIME."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Messages of a form that is not read."""


@dataclass(slots=True)
class Names:
    """The names that came through the ring, by the item that they belong to."""

    by_item: dict[ItemId, str | Named | Called | Unread] = field(default_factory=dict)
    naming: Naming = field(default_factory=Naming)
    greetings: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Subject and the name that a TLS connection asked for, or "" -> how many asked."""
    openssl: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Of them, those that OpenSSL was told to make."""
    unread: dict[int, set[int]] = field(default_factory=dict)
    """Subject -> forms of messages that were met and not read."""
    libraries: list[Opened] = field(default_factory=list)
    """TLS libraries that were opened, and not looked at yet."""
    late_libraries: dict[int, int] = field(default_factory=dict)
    """Subject -> of how many of them the first calls may have been missed."""
    empty_libraries: dict[int, set[str]] = field(default_factory=dict)
    """Subject -> those that had no functions when they were looked at last."""
    runtimes: dict[int, Started] = field(default_factory=dict)
    """Process -> what it was told, of container runtimes."""
    begun: list[layout.SubjectEvent] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)

    def receive(self, raw: bytes) -> None:
        """One event of the ring."""
        event = layout.Event.from_buffer_copy(raw)
        head = c.sizeof(layout.Event)
        text = raw[head : head + event.bytes]
        match event.kind:
            case layout.EVENT_SUBJECT:
                self.begun.append(layout.SubjectEvent.from_buffer_copy(raw))
            case layout.EVENT_RUNTIME:
                self.runtimes[event.pid] = Started(
                    tuple(os.fsdecode(text[: event.hash]).rstrip("\0").split("\0")),
                    path_of(text[event.hash :]),
                    event.at_ns,
                    event.subject,
                )
            case layout.EVENT_ENDED:
                self.ended.add(event.subject)
            case layout.EVENT_PATH:
                path = path_of(text)
                self.by_item[_item_id(event)] = path
                if has_tls(path):
                    self.libraries.append(Opened(event.subject, event.pid, path, event.at_ns))
            case layout.EVENT_NAME:
                name, server = text[: layout.TEXT_BYTES], text[layout.TEXT_BYTES : -1]
                self.by_item[_item_id(event)] = Named(_text(name), _text(server), text[-1])
            case layout.EVENT_PEER_NAME:
                size = c.sizeof(layout.PeerKey)
                peer = layout.PeerKey.from_buffer_copy(text)
                self.by_item[_item_id(event)] = Named(_text(text[size:]), "", peer=peer)
            case layout.EVENT_ARGUMENTS:
                shape, _, path_text = text.partition(b"\0")
                self.by_item[_item_id(event)] = Called(path_of(path_text), shape.decode().rstrip())
            case layout.EVENT_TLS_SERVER:
                self._tell(self.openssl, event.subject, _text(text).lower())
            case layout.EVENT_UNREAD:
                self.by_item[_item_id(event)] = Unread()
                self.unread.setdefault(event.subject, set()).add(text[0])
            case layout.EVENT_DNS | layout.EVENT_TLS:
                size = c.sizeof(layout.PeerKey)
                self._name(layout.PeerKey.from_buffer_copy(text), event, text[size:])

    def _name(self, peer: layout.PeerKey, event: layout.Event, message: bytes) -> None:
        if event.kind == layout.EVENT_DNS:
            self.naming.answer(peer.subject, address_of(peer), message)
            return
        name = wire.server_name(message)
        self._tell(self.greetings, peer.subject, name)
        # Behind a proxy it is not the peer that is greeted.
        if name and not event.hash:
            self.naming.greet(peer.subject, end_of(peer), name)

    def _tell(self, counts: Counter[tuple[int, str]], subject: int, name: str) -> None:
        key = subject, name
        if key in counts or self.naming.has_room(subject):
            counts[key] += 1

    def has_other_tls(self, subject: int) -> bool:
        """Whether there are TLS connections of a subject of which OpenSSL was not told: another library's."""
        return any(
            count > self.openssl[key] for key, count in self.greetings.items() if key[0] == subject
        )

    def values(self, domain: str, subject: int, named: Named, answered: Collection[End]) -> Values:
        """The fields of a tool or model; ``answered`` are the peers that did."""
        server, flags = self._server(subject, named, answered)
        if domain == "models":
            gateway: Values = (("gateway", server),) if server else ()
            return (*flags, *gateway, ("model", named.name))
        return (*flags, ("server", server or "unknown"), ("tool", named.name))

    def _server(self, subject: int, named: Named, answered: Collection[End]) -> tuple[str, Values]:
        """Who it is, "" when nobody says, and how that is known."""
        if named.peer is not None:
            end = end_of(named.peer)
            called = self.naming.of(subject, end).resolved
            server = called[0] if called else f"{end[0]} port {end[1]}"
            return server, () if end in answered else _CLAIMED
        match named.side:
            case layout.SIDE_CLIENT:
                # OpenSSL's messages may go anywhere, also nowhere: a connection of that name must have been seen.
                met = self.naming.met(subject, named.server.lower(), answered)
                return met or named.server, () if met else _CLAIMED
            case layout.SIDE_SERVER:
                return named.server, (("served", True),)
        return named.server, ()

    def forget_runtimes(self, keep: int) -> None:
        """Drop the oldest runtimes but so many."""
        for pid in list(self.runtimes)[:-keep]:
            del self.runtimes[pid]

    def forget(self, subjects: Collection[int]) -> None:
        """Drop what is kept of subjects that were written; linear in what is kept of all."""
        if not subjects:
            return
        self.by_item = {k: name for k, name in self.by_item.items() if k[0] not in subjects}
        self.naming.forget(subjects)
        for counts in (self.greetings, self.openssl):
            for key in [key for key in counts if key[0] in subjects]:
                del counts[key]
        for subject in subjects:
            self.unread.pop(subject, None)
            self.late_libraries.pop(subject, None)
            self.empty_libraries.pop(subject, None)


def _item_id(event: layout.Event) -> ItemId:
    return event.subject, event.hash, event.domain, event.phase


def _text(raw: bytes) -> str:
    """A name as it stands in a JSON string: no control characters, whatever it holds."""
    text = raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")
    with suppress(ValueError):  # cut in the middle of an escape
        text = json.loads(f'"{text}"')
    return "".join(char if char.isprintable() else "?" for char in text)


def has_tls(path: str) -> bool:
    """Whether a file is, by its name, one that has OpenSSL's functions."""
    return bool(_LIBRARY.fullmatch(posixpath.basename(path)))


def path_of(components: bytes) -> str:
    r"""``b"libc.so.6\0lib\0usr\0"`` is /usr/lib/libc.so.6; an absolute component starts anew."""
    parts = components.rstrip(b"\0").split(b"\0")
    texts = [part.decode("utf-8", "backslashreplace") for part in reversed(parts)]
    return posixpath.normpath(posixpath.join("/", *texts))


@dataclass(slots=True)
class Entries:
    """What the kernel's maps of items and peers hold of one subject."""

    items: list[tuple[layout.ItemKey, layout.Item]] = field(default_factory=list)
    peers: list[tuple[layout.PeerKey, layout.Peer]] = field(default_factory=list)

    def unanswered(self) -> Entries:
        """The same, with peers of which none answered."""
        silent = [(key, layout.Peer(p.first_ns, p.last_ns, p.count)) for key, p in self.peers]
        return Entries(self.items, silent)

    def remove(self, programs: Programs) -> None:
        """Take them out of the maps."""
        for item, _ in self.items:
            programs.remove("items", item)
        for peer, _ in self.peers:
            programs.remove("peers", peer)


def signature(subject: layout.Subject, entries: Entries) -> int:
    """Changes when something was seen for the first time, or lost; not when it was only seen again."""
    fields = (subject.syscalls, subject.denied, subject.asked, subject.granted, subject.lost)
    items = frozenset(
        (key.hash, key.domain, key.phase, item.modes, was_done(item)) for key, item in entries.items
    )
    peers = frozenset((bytes(key), peer.answered) for key, peer in entries.peers)
    return hash((tuple(bytes(field) for field in fields), subject.sessions, items, peers))


def entries_of(programs: Programs, subjects: Collection[int]) -> dict[int, Entries]:
    """The entries by subject; one pass over the maps for all of them."""
    found = {subject: Entries() for subject in subjects}
    for key, item in programs.entries("items", layout.ItemKey, layout.Item, found.keys()):
        found[key.subject].items.append((key, item))
    for peer, seen in programs.entries("peers", layout.PeerKey, layout.Peer, found.keys()):
        found[peer.subject].peers.append((peer, seen))
    return found


def missed(programs: Programs) -> dict[str, int]:
    """What the kernel lost so far of no subject that it could name, by domain: each open run may lack it."""
    ledger = programs.get("losses", c.c_uint32(0), layout.Ledger)
    assert ledger is not None, "an array has all its entries"
    everywhere = ledger.subjects_full + ledger.state_full
    lost = {name: everywhere + ledger.ownerless[i] for i, name in enumerate(layout.DOMAINS)}
    # Only DNS answers and TLS greetings are not sent again when the ring was full.
    lost["egress"] += ledger.ring_full[layout.DOMAINS.index("egress")]
    return lost


def end_of(peer: layout.PeerKey) -> End:
    """The address as text, and the port."""
    return address_of(peer), peer.port


def address_of(peer: layout.PeerKey) -> str:
    """The address as text."""
    packed = bytes(peer.address)
    return str(ipaddress.ip_address(packed[:4] if peer.family == socket.AF_INET else packed))


def was_done(item: layout.Item) -> bool:
    """Whether it was ever more than asked for: io_uring counts an open before it is known to fail."""
    return int(item.refused) < int(item.count)
