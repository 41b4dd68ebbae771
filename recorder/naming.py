"""Which names stand for which addresses.

A name counts for an address when a name server that is believed said so.  What a program calls a peer in a TLS
greeting is no more than a claim: it may greet any address by any name.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from recorder import wire

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
End: TypeAlias = "tuple[str, int]"
"""Address and port."""
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
"""Names of hosts; a DNS message may have any bytes in them, also those of words that a profile has for other things."""

MOST_NAMES = 16384
"""What is kept for one subject: who asks for names without end shall not fill the memory of all."""

_LOCAL = "localhost"
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"))
"""The one name that needs no name server (RFC 6761, 6.3)."""


@dataclass(frozen=True, slots=True)
class PeerNames:
    """The names of a peer, sorted: for which it was resolved, and those that only the program gave it."""

    resolved: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()


@dataclass(slots=True)
class Naming:
    """What name servers answered, and what greetings asked for, by subject."""

    believed: dict[int, tuple[Network, ...]] = field(default_factory=dict)
    """Subject -> the name servers whose answers count; none for one that is not there."""
    _answers: dict[int, dict[str, set[tuple[str, str]]]] = field(default_factory=dict)
    """Subject -> address -> the names that it was given for, each with the name server."""
    _greetings: dict[int, dict[End, set[str]]] = field(default_factory=dict)
    _kept: Counter[int] = field(default_factory=Counter)
    unkept: Counter[int] = field(default_factory=Counter)
    """Subject -> how many names there was no room for."""

    def believe(self, subject: int, servers: Iterable[str], networks: Iterable[Network]) -> None:
        """Let the answers that these name servers give a subject count, or those in these networks."""
        self.believed[subject] = (*map(ipaddress.ip_network, servers), *networks)

    def answer(self, subject: int, server: str, message: bytes) -> None:
        """Take what a name server that the subject had asked sent it."""
        name, addresses = wire.dns_answer(message)
        if _HOST.fullmatch(name):
            found = self._answers.setdefault(subject, {})
            for address in addresses:
                if (name, server) not in found.get(address, ()) and self.has_room(subject):
                    found.setdefault(address, set()).add((name, server))

    def greet(self, subject: int, end: End, name: str) -> None:
        """Take the name that a TLS connection asked for, if it is one."""
        if (
            _HOST.fullmatch(name)
            and name not in self._asked(subject, end)
            and self.has_room(subject)
        ):
            self._greetings.setdefault(subject, {}).setdefault(end, set()).add(name)

    def has_room(self, subject: int) -> bool:
        """Take room for one name more of a subject; where there is none, that is counted."""
        has_room = self._kept[subject] < MOST_NAMES
        (self._kept if has_room else self.unkept)[subject] += 1
        return has_room

    def of(self, subject: int, end: End) -> PeerNames:
        """The names of a peer; where some of those that it was resolved for were greeted, only they were meant.

        A resolver's search list makes a whole name of a short one (resolv.conf(5)).
        """
        resolved, asked = self._resolved(subject, end), self._asked(subject, end)
        meant = {name for name in resolved if any(_is_whole(name, short) for short in asked)}
        claimed = {short for short in asked if not any(_is_whole(n, short) for n in resolved)}
        return PeerNames(tuple(sorted(meant or resolved)), tuple(sorted(claimed)))

    def met(self, subject: int, name: str, answered: Collection[End]) -> str:
        """The whole name of whom a TLS connection asked for by a name, of the peers that answered; "" when nobody is.

        Linear in the peers that the subject greeted.
        """
        asked = self._greetings.get(subject, {}).items()
        greeted = (end for end, names in asked if name in names and end in answered)
        wholes = {n for end in greeted for n in self._resolved(subject, end) if _is_whole(n, name)}
        return name if name in wholes else min(wholes, default="")

    def forget(self, subjects: Collection[int]) -> None:
        """Drop what is kept of these."""
        for subject in subjects:
            self.believed.pop(subject, None)
            self._answers.pop(subject, None)
            self._greetings.pop(subject, None)
            self._kept.pop(subject, None)
            self.unkept.pop(subject, None)

    def _asked(self, subject: int, end: End) -> set[str]:
        return self._greetings.get(subject, {}).get(end, set())

    def _resolved(self, subject: int, end: End) -> set[str]:
        believed = self.believed.get(subject, ())
        answers = self._answers.get(subject, {}).get(end[0], set())
        found = {name for name, server in answers if is_within(server, believed)}
        if _LOCAL in self._asked(subject, end) and is_within(end[0], _LOOPBACK):
            found.add(_LOCAL)
        return found


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of them."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in networks)


def _is_whole(name: str, short: str) -> bool:
    return name == short or name.startswith(f"{short}.")
