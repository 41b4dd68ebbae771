"""Who is next of those that are decided in threads, and what becomes of those that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from threading import Event, Semaphore

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.apart import BRIEF_BYTES, Apart, Job, Take

KIB = 1024


class Gates:
    """Decisions that say that they have begun, and end when they are told to."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._begun = Semaphore(0)
        self._ends: list[Event] = []
        self.order: list[int] = []

    def put(self, size: int, *, is_broad: bool = False) -> Job[int]:
        """``order`` has the sizes of those that have begun, in their order."""

        def decide(take: Take) -> int:
            data = take()
            self.order.append(len(data))
            end = Event()
            self._ends.append(end)
            self._begun.release()
            assert end.wait(60)
            return len(data)

        return self._apart.decide(decide, bytes(size), is_broad=is_broad)

    def began(self, count: int = 1) -> None:
        for _ in range(count):
            assert self._begun.acquire(timeout=60)

    def end(self, place: int) -> None:
        """End the one that began in this place."""
        self._ends[place].set()

    def end_all(self) -> None:
        for end in self._ends:
            end.set()


@pytest.fixture
def gates() -> Iterator[Gates]:
    with Apart() as apart:
        made = Gates(apart)
        yield made
        made.end_all()


def test_a_slow_brief_review_holds_up_no_other(gates: Gates) -> None:
    gates.put(200 * KIB)
    gates.began()
    job = gates.put(20 * KIB)
    gates.began()
    gates.end(1)
    assert job.future.result(60) == 20 * KIB
    assert gates.order == [200 * KIB, 20 * KIB]


def test_the_shortest_is_next_and_of_equals_the_first(gates: Gates) -> None:
    gates.put(200 * KIB)
    gates.put(200 * KIB)
    gates.began(2)
    last = [gates.put(size * KIB) for size in (250, 100, 20, 17, 251)]
    for place in range(5):
        gates.end(place)
        gates.began()
    assert gates.order[2:] == [size * KIB for size in (20, 17, 100, 250, 251)]
    gates.end_all()
    assert [job.future.result(60) for job in last] == [s * KIB for s in (250, 100, 20, 17, 251)]


@pytest.mark.parametrize(("size", "is_broad"), [(BRIEF_BYTES + 1, False), (5 * KIB, True)])
def test_long_ones_leave_a_thread_to_brief_ones(gates: Gates, size: int, is_broad: bool) -> None:
    for _ in range(3):
        gates.put(size, is_broad=is_broad)
    gates.began()
    for place in (1, 2, 3):
        job = gates.put(20 * KIB)
        gates.began()
        gates.end(place)
        assert job.future.result(60) == 20 * KIB
    assert gates.order == [size, *[20 * KIB] * 3]


def test_a_long_one_comes_before_brief_ones_in_its_own_thread(gates: Gates) -> None:
    gates.put(20 * KIB)
    gates.put(20 * KIB)
    gates.began(2)
    for size in (20 * KIB, BRIEF_BYTES + 1):
        gates.put(size)
    gates.end_all()
    gates.began(2)
    assert sorted(gates.order[2:]) == [20 * KIB, BRIEF_BYTES + 1]


def test_what_is_given_up_is_not_decided(gates: Gates) -> None:
    gates.put(20 * KIB)
    gates.put(20 * KIB)
    gates.began(2)
    given_up, other = gates.put(18 * KIB), gates.put(19 * KIB)
    assert given_up.give_up()
    assert given_up._data == b""
    gates.end(0)
    gates.began()
    assert gates.order[2:] == [19 * KIB]
    assert not other.give_up()
    gates.end_all()
    assert other.future.result(60) == 19 * KIB
    with pytest.raises(CancelledError):
        given_up.future.result(0)


def test_a_fault_is_told_and_ends_no_thread(gates: Gates) -> None:
    def broken(_: Take) -> int:
        raise MemoryError

    with Apart() as apart:
        for _ in range(5):
            job = apart.decide(broken, b"", is_broad=False)
            with pytest.raises(MemoryError):
                job.future.result(60)


def test_who_waits_at_the_end_is_told() -> None:
    with Apart() as apart:
        gates = Gates(apart)
        for _ in range(2):
            gates.put(20 * KIB)
        gates.began(2)
        waiting = gates.put(20 * KIB)
    assert waiting.future.cancelled()
    gates.end_all()


@given(st.lists(st.tuples(st.integers(0, 2 * BRIEF_BYTES), st.booleans()), max_size=30))
def test_each_is_decided_once(asked: list[tuple[int, bool]]) -> None:
    def length(take: Take) -> int:
        return len(take())

    with Apart() as apart:
        jobs = [apart.decide(length, bytes(size), is_broad=broad) for size, broad in asked]
        assert [job.future.result(60) for job in jobs] == [size for size, _ in asked]
