"""Which cases a check has a say on, so that the others do not call it.

A check passes over cases that are not its own all the same; this only saves asking.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeAlias, TypeVar

from policyc.admission.case import Case
from policyc.admission.verdict import Finding
from policyc.admission.view import Kind

Check: TypeAlias = Callable[[Case], Iterator[Finding]]
C = TypeVar("C", bound=Check)


class Situation(NamedTuple):
    """What decides which checks are asked.

    ``is_bound``: it is about the spec of an agent's pod; ``is_known``: with words that were
    found to be in order before.
    """

    kind: Kind
    resource: str
    has_pod: bool = False
    is_bound: bool = False
    is_known: bool = False


_SCOPES: dict[Check, Callable[[Situation], bool]] = {}
_OF_WORDS: set[Check] = set()


def of_kinds(kinds: Collection[Kind]) -> Callable[[C], C]:
    """A check of objects of these kinds."""

    def mark(check: C) -> C:
        _SCOPES[check] = lambda situation: situation.kind in kinds
        return check

    return mark


def of_resources(resources: Collection[str]) -> Callable[[C], C]:
    """A check of these resources (plural, of whatever group) and of their subresources."""

    def mark(check: C) -> C:
        _SCOPES[check] = lambda situation: situation.resource in resources
        return check

    return mark


def of_pods(check: C) -> C:
    """A check of pods and of what starts them, whoever's they are."""
    _SCOPES[check] = lambda situation: situation.has_pod
    return check


def of_agents(check: C) -> C:
    """A check of the specs of agents' pods."""
    _SCOPES[check] = lambda situation: situation.is_bound
    return check


def of_words(check: C) -> C:
    """A check of agents' pods that looks at nothing but ``Pod.words``.

    What it finds follows from them, the agent's envelope of the day, the namespace and the
    settings, so it needs not look at known ones again.  (Who breaks glass matters where
    there are ephemeral containers, and such words are never known.)
    """
    _SCOPES[check] = lambda situation: situation.is_bound and not situation.is_known
    _OF_WORDS.add(check)
    return check


def is_of_words(check: Check) -> bool:
    return check in _OF_WORDS


def concerns(check: Check, situation: Situation) -> bool:
    """Whether the check may have a say; those without a mark always may."""
    scope = _SCOPES.get(check)
    return scope is None or scope(situation)
