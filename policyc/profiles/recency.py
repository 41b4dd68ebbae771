"""Evidence by age: what a `since` date leaves of profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from policyc.profiles.base import AgentProfile, Item, Value

_Labelled = tuple[str, AgentProfile]


def recent(profiles: Sequence[_Labelled], day: str) -> tuple[list[_Labelled], tuple[str, ...]]:
    """The profiles without items last seen before ``day``, and in words what is then not shown at all.

    ``day`` is YYYY-MM-DD, in UTC as the times of items are; an empty one leaves everything.
    Items that do not say when they were last seen stay.  Pairs are of file and profile.
    """
    kept = [
        (label, replace(profile, items={d: _since(i, day) for d, i in profile.items.items()}))
        for label, profile in profiles
    ]
    if kept == [*profiles]:
        return kept, ()
    gone = set(_things(profiles)) - set(_things(kept))
    return kept, tuple(sorted(_words(domain, values) for domain, values in gone))


def _since(items: tuple[Item, ...], day: str) -> tuple[Item, ...]:
    return tuple(i for i in items if not i.last_seen or i.last_seen[: len(day)] >= day)


def _things(
    profiles: Iterable[_Labelled],
) -> Iterator[tuple[str, tuple[tuple[str, Value], ...]]]:
    for _, profile in profiles:
        for domain, items in profile.items.items():
            yield from ((domain, item.values) for item in items)


def _words(domain: str, values: tuple[tuple[str, Value], ...]) -> str:
    """``egress tcp 443 192.0.2.1``: the domain and the values, in the order of the item."""
    return " ".join([domain, *(_text(value) for _, value in values)])


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join("=".join(v) if isinstance(v, tuple) else str(v) for v in value)
    return str(value)
