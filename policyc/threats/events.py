"""The event log: dated, signed by both roles, in order, about things that exist.

``policyc.dev/v1 ThreatEvents``.  A log that is not in order is refused as a whole: a lost or
moved event would leave a threat closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from policyc.catalog.vocabulary import EVENTS
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic
from policyc.core.strict_json import loads
from policyc.core.suggest import did_you_mean
from policyc.semantics.catalogue import Event
from policyc.semantics.model import CheckedPolicy
from policyc.threats.files import named_files

KIND = "ThreatEvents"
SUBJECTS = ("agent", "class", "server", "model", "store")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def read_logs(root: Path, policy: CheckedPolicy, found: list[Diagnostic]) -> tuple[Event, ...]:
    """The events of all logs that the policy names, by time."""
    known = _known(policy)
    events: list[Event] = []
    for pattern, span in policy.catalogue.logs:
        for label, data in named_files(root, pattern, "PC3110", span, found):
            events += _Log(label, known, found).read(data)
    return tuple(sorted(events, key=lambda e: (e.at, e.name, e.subject)))


def _known(policy: CheckedPolicy) -> Mapping[str, frozenset[str]]:
    """What an event may be about, by kind; a model is any text, because patterns grant them."""
    declared = policy.declared.values()
    return {
        "agent": frozenset(agent.name for agent in policy.agents),
        "class": frozenset(name for agent in policy.agents for name in agent.ancestry),
        "server": frozenset(d.name for d in declared if d.kind == "mcp"),
        "store": frozenset(d.name for d in declared if d.kind == "store"),
    }


@dataclass(slots=True)
class _Log:
    """One file on its way."""

    label: str
    known: Mapping[str, frozenset[str]]
    found: list[Diagnostic]

    def read(self, data: bytes) -> Iterable[Event]:
        try:
            document = loads(data)
        except ValueError as fault:
            return self._refuse("PC3110", str(fault), "it is one JSON document")
        match document:
            case {"apiVersion": "policyc.dev/v1", "kind": "ThreatEvents", "events": list(items), **rest} if not rest:  # fmt: skip
                pass
            case _:
                hint = f'it has "apiVersion": "policyc.dev/v1", "kind": "{KIND}" and "events"'
                return self._refuse("PC3110", "it is no log of events", hint)
        events = [event for i, item in enumerate(items) for event in self._event(i, item)]
        for before, after in pairwise(events):
            if after.at < before.at:
                self._refuse(
                    "PC3112",
                    f"{after.place} is at {after.at}, before the one above it ({before.at})",
                    "a log only grows: write events in the order in which they happened",
                )
        return events

    def _event(self, number: int, item: Json) -> Iterable[Event]:
        place = f"/events/{number}"
        match item:
            case {
                "at": str(at),
                "event": str(name),
                "because": str(because),
                "signedBy": dict(signed),
                **rest,
            } if len(rest) == 1 and rest.keys() <= set(SUBJECTS):
                kind, about = next((str(key), value) for key, value in rest.items())
            case _:
                hint = f"it has at, event, because, signedBy and one of {', '.join(SUBJECTS)}"
                return self._refuse("PC3110", f"{place} is no event", hint)
        if not _is_second(at):
            hint = "write it as 2026-09-01T08:30:00Z"
            return self._refuse("PC3110", f"{place}: `{at}` is no second in UTC", hint)
        if name not in EVENTS:
            hint = did_you_mean(name, EVENTS) or f"events are {', '.join(EVENTS)}"
            return self._refuse("PC3113", f"{place}: there is no event `{name}`", hint)
        if not isinstance(about, str) or (kind in self.known and about not in self.known[kind]):
            hint = did_you_mean(str(about), self.known.get(kind, ())) or f"name a declared {kind}"
            return self._refuse("PC3113", f"{place}: there is no {kind} `{about}`", hint)
        security, platform = signed.get("security"), signed.get("platform")
        if not _both(signed, security, platform):
            hint = "security owns the catalogue and platform the signals: two people sign"
            return self._refuse("PC3111", f"{place} does not bear both signatures", hint)
        where = f"{self.label}#{place}"
        return [Event(at, name, (kind, about), str(security), str(platform), because, where)]

    def _refuse(self, code: str, message: str, hint: str) -> tuple[Event, ...]:
        self.found.append(
            Diagnostic(code, f"`{self.label}`: {message}", path=self.label, help=hint)
        )
        return ()


def _both(signed: Mapping[str, Json], security: Json, platform: Json) -> bool:
    names = [name.strip() for name in (security, platform) if isinstance(name, str)]
    return len(signed) == len(names) == len(set(names) - {""}) == len(("security", "platform"))


def _is_second(text: str) -> bool:
    if not _SECOND.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
