"""One case of an object that is created, or changed, in the example cluster."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

Json = Any  # documents of every shape


class Server(StrEnum):
    """Who settles a case on a real API server, where it is not the verdict alone."""

    WEBHOOK = "the verdict is what the API server answers"
    COMPLETED = "what is absent is added by the mutating webhook, and then nothing is wrong"
    INVALID = "the API server itself refuses it as no object of its kind"
    DROPPED = "the API server drops what is wrong before anybody sees it"


@dataclass(frozen=True, slots=True)
class Row:
    """``denied`` are all reasons of the refusal, none where it is admitted.

    ``there`` is stored before; ``old`` is what the object was, or None when it is new.
    """

    id: str
    made: Json
    denied: frozenset[str]
    there: tuple[Json, ...] = ()
    old: Json = None
    server: Server = Server.WEBHOOK

    @property
    def operation(self) -> str:
        return "CREATE" if self.old is None else "UPDATE"


def row(
    number: str,
    made: Json,
    *denied: str,
    there: Iterable[Json] = (),
    old: Json = None,
    server: Server = Server.WEBHOOK,
) -> Row:
    """A row; its id begins with the case's."""
    return Row(number, copy.deepcopy(made), frozenset(denied), tuple(there), old, server)


def each(rows: Iterable[Row]) -> pytest.MarkDecorator:
    """The test runs once for every row, as ``asked``."""
    listed = [pytest.param(one, id=one.id) for one in rows]
    assert len({one.id for one in rows}) == len(listed), "two rows have one id"
    return pytest.mark.parametrize("asked", listed)
