"""Names and labels by the letter of the specifications."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.kube.names import fault_of_label, fault_of_label_pair, fault_of_subdomain

ALNUM = string.ascii_lowercase + string.digits
NAMES = st.text("aZ0-._/é \n", max_size=8) | st.text(ALNUM + "-.", max_size=260)


def is_label(name: str) -> bool:
    """RFC 1123 label, as https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ words it."""
    return (
        0 < len(name) <= 63
        and set(name) <= set(ALNUM + "-")
        and name[0] in ALNUM
        and name[-1] in ALNUM
    )


def is_subdomain(name: str) -> bool:
    """RFC 1123 subdomain, same page; each dotted part begins and ends with an alphanumeric."""
    return len(name) <= 253 and all(
        part and set(part) <= set(ALNUM + "-") and part[0] in ALNUM and part[-1] in ALNUM
        for part in name.split(".")
    )


def is_label_name(name: str) -> bool:
    """Of .../working-with-objects/labels/#syntax-and-character-set: the name, and a value that is not empty."""
    ends = string.ascii_letters + string.digits
    return (
        0 < len(name) <= 63
        and set(name) <= set(ends + "-_.")
        and name[0] in ends
        and name[-1] in ends
    )


@given(NAMES)
def test_names_are_judged_as_specified(name: str) -> None:
    assert (fault_of_label(name) is None) == is_label(name)
    assert (fault_of_subdomain(name) is None) == is_subdomain(name)


@given(NAMES, NAMES, st.none() | NAMES)
def test_label_pairs_are_judged_as_specified(key: str, value: str, prefix: str | None) -> None:
    written = key if prefix is None else f"{prefix}/{key}"
    before, slash, name = written.rpartition("/")
    right = (
        is_label_name(name)
        and (not slash or is_subdomain(before))
        and (not value or is_label_name(value))
    )
    assert (fault_of_label_pair(written, value) is None) == right


@pytest.mark.parametrize("length", [1, 62, 63, 64, 252, 253, 254])
def test_the_longest_names(length: int) -> None:
    name = "a" * length
    assert (fault_of_label(name) is None) == (length <= 63)
    assert (fault_of_subdomain(name) is None) == (length <= 253)
    assert (fault_of_label_pair(name, "") is None) == (length <= 63)
    assert (fault_of_label_pair("k", name) is None) == (length <= 63)
