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
    """What decides which checks are asked; ``is_bound``: it is about the spec of an agent's pod."""

    kind: Kind
    has_pod: bool
    is_bound: bool


_SCOPES: dict[Check, Callable[[Situation], bool]] = {}


def of_kinds(kinds: Collection[Kind]) -> Callable[[C], C]:
    """A check of objects of these kinds."""

    def mark(check: C) -> C:
        _SCOPES[check] = lambda situation: situation.kind in kinds
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


def concerns(check: Check, situation: Situation) -> bool:
    """Whether the check may have a say; those without a mark always may."""
    scope = _SCOPES.get(check)
    return scope is None or scope(situation)
