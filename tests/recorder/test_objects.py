"""Profiles larger than an object: the pieces join to the whole, and each is small enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import profile
from recorder.objects import TooLargeError, pieces, size_bytes
from recorder.profile import Document, Run, Sighting, Workload, join

WORKLOAD = Workload("apps/v1", "Deployment", "support", "triage", "agent")


def recorded(run: str, paths: list[str], peers: list[int]) -> Document:
    head = Run(run, 1, 2, "from-creation", "6.18", "n", (), (), (), (("files", 0),))
    files = [
        Sighting("files", (("modes", ("read",)), ("path", path)), "application", 3, 4, 5)
        for path in paths
    ]
    egress = [
        Sighting("egress", (("address", "192.0.2.1"), ("port", p), ("protocol", "tcp")), "application")
        for p in peers
    ]  # fmt: skip
    return profile.profile(WORKLOAD, head, [*files, *egress], ("files", "egress"))


DOCUMENTS = st.lists(
    st.builds(
        recorded,
        st.sampled_from("abcdefgh"),
        st.lists(st.sampled_from([f"/srv/{i}" for i in range(40)]), unique=True),
        st.lists(st.integers(1, 30), unique=True),
    ),
    min_size=1,
    max_size=8,
).map(join)


@given(DOCUMENTS, st.integers(900, 4000))
def test_pieces_are_small_and_join_to_the_whole(document: Document, largest: int) -> None:
    made = list(pieces(document, largest))
    assert all(size_bytes(piece) <= largest for piece in made)
    assert join(reversed(made)) == document


def test_an_item_that_is_too_large_by_itself() -> None:
    with pytest.raises(TooLargeError):
        list(pieces(recorded("a", ["/" + "x" * 2000], []), 1000))
