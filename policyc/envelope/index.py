"""The index of a build: who its agents are, and what is asked about all of them at once.

With it a bundle of any size is ready before any envelope is decoded.  What many agents share
(caps of their class, pins of a server) is written once and named by its number.  An index
that says something else about an agent than the agent's envelope is found when the envelope
is opened (policyc.envelope.sealed).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from policyc.core.canonical import Json, pretty_json
from policyc.core.strict_json import loads
from policyc.envelope.axes import EMPTY
from policyc.envelope.codec import decode_subject, encode_subject
from policyc.envelope.model import Envelope, Pin, Subject
from policyc.envelope.region import Region

PATH = "agents.json"
"""Of the index in an output folder."""
API_VERSION = "policyc.dev/v1"
KIND = "AgentIndex"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FIELDS = frozenset({"subject", "digest", "ends", "servers", "pins", "declaredAt", "caps"})
"""Of an entry."""

T = TypeVar("T")
Caps = Mapping[str, tuple[str, ...]]
"""Domain -> the lines (``path:line:column``) of the class that cap it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent.

    ``digest`` is that of the envelope's spec; ``ends`` are the days with which parts of it
    end; ``servers`` the MCP servers that it may use something of; ``declared_at`` and
    ``caps_at`` where the policy speaks of it.
    """

    subject: Subject
    digest: str
    ends: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    declared_at: str = ""
    caps_at: Caps = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of the envelope, in an output folder."""
        return f"{self.subject.agent}/envelope.json"


def entry_of(envelope: Envelope, digest: str, declared_at: str, caps_at: Caps) -> Entry:
    """The entry of an envelope; ``digest`` is the one that its document bears."""
    return Entry(
        envelope.subject,
        digest,
        envelope.ends,
        tuple(sorted(servers_of(envelope.domains["tools"]))),
        pins_of(envelope),
        declared_at,
        caps_at,
    )


def pins_of(envelope: Envelope) -> tuple[Pin, ...]:
    """The pins in the order of documents."""
    return tuple(sorted(envelope.pins, key=lambda pin: (pin.server, pin.tool, pin.digest)))


def servers_of(tools: Region) -> set[str]:
    """The servers of a region, as far as they are named: policies name them one by one."""
    axis = tools.domain.axis("server")
    return {name for box in tools.boxes() for name in axis.write(box.get("server", EMPTY))}


def write_index(entries: Iterable[Entry]) -> bytes:
    """The index's file."""
    ordered = sorted(entries, key=lambda entry: entry.subject.agent)
    caps, pins = _Table[Caps](), _Table[Pin]()
    agents: list[Json] = [
        {
            "subject": encode_subject(entry.subject),
            "digest": entry.digest,
            "ends": [*entry.ends],
            "servers": [*entry.servers],
            "pins": [pins.number((p.server, p.tool, p.digest), p) for p in entry.pins],
            "declaredAt": entry.declared_at,
            "caps": caps.number(tuple(sorted(entry.caps_at.items())), entry.caps_at),
        }
        for entry in ordered
    ]
    return pretty_json(
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "agents": agents,
            "caps": [{d: [*places] for d, places in found.items()} for found in caps.values],
            "pins": [[p.server, p.tool, p.digest] for p in pins.values],
        }
    )


class _Table(Generic[T]):
    """Distinct values in the order in which they were first seen."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self.values: list[T] = []

    def number(self, key: object, value: T) -> int:
        found = self._numbers.setdefault(key, len(self.values))
        if found == len(self.values):
            self.values.append(value)
        return found


def read_index(data: bytes) -> list[Entry]:
    """The entries of an index; ValueError says what is wrong with it."""
    try:
        match loads(data):
            case {
                "apiVersion": "policyc.dev/v1",
                "kind": "AgentIndex",
                "agents": list(agents),
                "caps": list(caps),
                "pins": list(pins),
                **rest,
            } if not rest:
                entries = list(_entries(agents, [*map(_caps, caps)], [*map(_pin, pins)]))
            case _:
                raise ValueError("it is no index of agents")  # noqa: TRY301
    except ValueError as fault:
        raise ValueError(f"{PATH}: {fault}") from None
    if len({entry.subject.agent for entry in entries}) != len(entries):
        raise ValueError(f"{PATH}: it names an agent twice")
    return entries


def _entries(agents: list[Json], caps: Sequence[Caps], pins: Sequence[Pin]) -> Iterator[Entry]:
    # Agents of a class, or of a server, share them: they are made once.
    chosen: dict[tuple[int, ...], tuple[Pin, ...]] = {}
    named: dict[tuple[str, ...], tuple[str, ...]] = {}
    for agent in agents:
        if not isinstance(agent, dict) or agent.keys() != _FIELDS:
            raise ValueError("an entry has another form")
        digest, declared_at, number = agent["digest"], agent["declaredAt"], agent["caps"]
        if not (
            isinstance(digest, str)
            and _DIGEST.fullmatch(digest)
            and isinstance(declared_at, str)
            and isinstance(number, int)
            and 0 <= number < len(caps)
        ):
            raise ValueError("an entry has another form")
        numbers, servers = _numbers(agent["pins"], len(pins)), _texts(agent["servers"])
        if numbers not in chosen:
            chosen[numbers] = tuple([pins[n] for n in numbers])
        yield Entry(
            decode_subject(agent["subject"]),
            digest,
            _texts(agent["ends"]),
            named.setdefault(servers, servers),
            chosen[numbers],
            declared_at,
            caps[number],
        )


def _numbers(values: Json, end: int) -> tuple[int, ...]:
    if not isinstance(values, list):
        raise ValueError("a list of numbers is wanted")
    numbers = tuple([n for n in values if isinstance(n, int) and 0 <= n < end])
    if len(numbers) != len(values):
        raise ValueError("a number of a pin names none")
    return numbers


def _texts(values: Json) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError("a list of texts is wanted")
    texts = tuple([value for value in values if isinstance(value, str)])
    if len(texts) != len(values):
        raise ValueError("a list of texts is wanted")
    return texts


def _caps(value: Json) -> Caps:
    if not isinstance(value, dict):
        raise ValueError("caps have another form")
    found: dict[str, tuple[str, ...]] = {}
    for domain, places in value.items():
        found[domain] = _texts(places)
    return found


def _pin(value: Json) -> Pin:
    match value:
        case [str(server), str(tool), str(digest)] if _DIGEST.fullmatch(digest):
            return Pin(server, tool, digest)
    raise ValueError("a pin has another form")
