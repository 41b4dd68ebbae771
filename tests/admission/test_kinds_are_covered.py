"""Everything that can be written to the API server reaches admission, or is listed with the reason why not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.served import NOT_ASKED, NOT_ASKED_WHEN_DELETED, committed

from policyc.deploy.scope import VALIDATING, Where

SERVED: Mapping[str, list[str]] = committed()["resources"]
ASKED = {
    (f"{resource}.{group}", operation)
    for entry in VALIDATING
    if entry.where is not Where.HOME  # what is done in the webhook's own namespace is no agent's
    for rule in entry.rules
    for group, resource, operation in rule.requests()
}


def because(table: Mapping[str, str]) -> dict[str, str]:
    """Resource -> the reason; none has two."""
    pairs = [(name, reason) for reason, names in table.items() for name in names.split()]
    assert len(pairs) == len(dict(pairs)), pairs
    return dict(pairs)


NEVER, NOT_DELETED = because(NOT_ASKED), because(NOT_ASKED_WHEN_DELETED)


@pytest.mark.parametrize("name", sorted(SERVED))
def test_what_can_be_written_is_asked_for_or_listed(name: str) -> None:
    asked = {o for o in SERVED[name] if (name, o) in ASKED}
    if not asked:
        assert NEVER.get(name), f"{name} is neither asked for nor listed with a reason"
        return
    assert name not in NEVER, f"{name} is asked for, and listed as if it were not"
    left = set(SERVED[name]) - asked
    assert left <= {"DELETE"}, f"{name} is not asked for when it is {left}"
    assert bool(left) == (name in NOT_DELETED)


def test_nothing_is_listed_that_is_not_served() -> None:
    assert NEVER.keys() | NOT_DELETED.keys() <= SERVED.keys()
    assert all((*NOT_ASKED, *NOT_ASKED_WHEN_DELETED))
