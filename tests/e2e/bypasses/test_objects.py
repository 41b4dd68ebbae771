"""What is created with a fault is refused by the API server, for the reasons that the evaluator gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cases.lists import GROUP_E
from support.cases.pod_spec import GROUP_C
from support.cases.profiles import GROUP_D
from support.cases.row import Row, Server, each
from support.guarded import Guarded, Said

pytestmark = pytest.mark.e2e
ROWS = [*GROUP_C, *GROUP_D, *GROUP_E]


@pytest.fixture(scope="module")
def prepared(guarded: Guarded) -> Iterator[Guarded]:
    """With what the rows' objects refer to; every row has names of its own."""
    there = [body for one in ROWS for body in one.there]
    with guarded.holding(*there, judged=True):
        yield guarded


@each(ROWS)
def test_the_api_server_answers_as_the_evaluator_judges(prepared: Guarded, asked: Row) -> None:
    def is_as_wanted(answer: Said) -> bool:
        match asked.server:
            case Server.INVALID:
                return answer.is_invalid
            case Server.COMPLETED | Server.DROPPED:
                return answer.is_admitted
            case Server.WEBHOOK:
                return answer.denied == asked.denied and answer.is_admitted == (not asked.denied)

    if asked.there:  # the webhook hears of it a moment later
        prepared.eventually(lambda: prepared.ask(asked.made), is_as_wanted)
    else:
        answer = prepared.ask(asked.made)
        assert is_as_wanted(answer), answer
