"""A name counts for an address when a believed name server said so, whatever the program says."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st
from support.dns import answer

from recorder.naming import MOST_NAMES, End, Naming

OWN, OTHER = 1, 2
BELIEVED, FEIGNED = "192.0.2.53", "198.51.100.53"
NAMES = st.sampled_from(["a.test", "b.test", "a.test.evil.test", "a", "localhost", "stdio:a"])
ADDRESSES = st.sampled_from(["203.0.113.1", "203.0.113.2", "2001:db8::1", "127.0.0.1"])
ENDS = st.tuples(ADDRESSES, st.sampled_from([443, 8443]))
answers = st.lists(
    st.tuples(
        st.sampled_from([OWN, OTHER]), st.sampled_from([BELIEVED, FEIGNED]), NAMES, ADDRESSES
    ),
    max_size=6,
)
greetings = st.lists(st.tuples(st.sampled_from([OWN, OTHER]), ENDS, NAMES), max_size=6)


def _made(answered: list[tuple[int, str, str, str]], greeted: list[tuple[int, End, str]]) -> Naming:
    naming = Naming()
    naming.believe(OWN, [BELIEVED], [])
    for subject, server, name, address in answered:
        naming.answer(subject, server, answer(name, [address]))
    for subject, end, name in greeted:
        naming.greet(subject, end, name)
    return naming


@given(answers, greetings, ENDS)
def test_every_name_is_one_that_a_believed_server_gave_the_address(
    answered: list[tuple[int, str, str, str]], greeted: list[tuple[int, End, str]], end: End
) -> None:
    """But for `localhost`, which is no server's to give; and no word that a profile has for programs is a name."""
    naming = _made(answered, greeted)
    given_ = {n for s, by, n, a in answered if (s, by, a) == (OWN, BELIEVED, end[0])} - {"stdio:a"}
    asked = {n for subject, at, n in greeted if (subject, at) == (OWN, end)} - {"stdio:a"}
    found = naming.of(OWN, end)
    own = {"localhost"} & asked if ipaddress.ip_address(end[0]).is_loopback else set()
    assert set(found.resolved) <= given_ | own
    assert bool(found.resolved) == bool(given_ | own)
    assert set(found.claimed) <= asked - set(found.resolved)
    # Each name that was asked for is told as one or the other, or is short for one.
    for name in asked:
        whole = any(r == name or r.startswith(f"{name}.") for r in found.resolved)
        assert whole != (name in found.claimed)
    assert naming.of(OTHER, end).resolved in ((), ("localhost",)), "nobody is believed there"


@given(answers, greetings, st.lists(ENDS), NAMES)
def test_who_was_met_answered_under_that_name(
    answered: list[tuple[int, str, str, str]],
    greeted: list[tuple[int, End, str]],
    ends: list[End],
    name: str,
) -> None:
    naming = _made(answered, greeted)
    met = naming.met(OWN, name, ends)
    possible = {
        whole
        for end in ends
        if (OWN, end, name) in greeted
        for whole in naming.of(OWN, end).resolved
        if whole == name or whole.startswith(f"{name}.")
    }
    assert (met in possible) if possible else not met


@given(answers, greetings)
def test_nothing_is_left_of_who_is_forgotten(
    answered: list[tuple[int, str, str, str]], greeted: list[tuple[int, End, str]]
) -> None:
    naming = _made(answered, greeted)
    naming.forget({OWN, OTHER})
    assert naming == Naming()


def test_names_without_end_are_bounded_and_counted() -> None:
    naming = Naming()
    naming.believe(OWN, [BELIEVED], [])
    more = 7
    for number in range(MOST_NAMES + more):
        naming.answer(OWN, BELIEVED, answer(f"n{number}.example", ["192.0.2.1"]))
    naming.answer(OWN, BELIEVED, answer("n0.example", ["192.0.2.1"]))
    naming.greet(OTHER, ("192.0.2.1", 443), "a.example")
    assert (naming.unkept[OWN], naming.unkept[OTHER]) == (more, 0)
    assert len(naming.of(OWN, ("192.0.2.1", 443)).resolved) == MOST_NAMES
    naming.forget([OWN])
    naming.greet(OWN, ("192.0.2.1", 443), "a.example")
    assert naming.unkept[OWN] == 0
