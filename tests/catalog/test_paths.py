"""Typed paths: total, idempotent, and blind only to what changes from run to run."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyc.catalog.paths import SEGMENT_TYPES, typed_path

VOLATILE = {
    "<uuid>": "123e4567-e89b-12d3-a456-426614174000",
    "<hash>": "d41d8cd98f00b204e9800998ecf8427e",
    "<atomic>": "..2026_08_01_12_00_00.123456789",
}
PIECES = st.one_of(
    st.sampled_from(
        (
            *VOLATILE.values(),
            *VOLATILE,
            *"proc self thread-self task fd fdinfo 12 7 <pid> <num> . .. etc irq data a".split(),
            "",
        )
    ),
    st.text(max_size=6),
)
PATHS = st.lists(PIECES, max_size=8).map("/".join) | st.lists(PIECES, max_size=8).map(
    lambda pieces: "/" + "/".join(pieces)
)


@given(PATHS)
def test_typing_twice_is_typing_once(path: str) -> None:
    assert typed_path(typed_path(path)) == typed_path(path)


@given(PATHS)
def test_an_absolute_path_is_resolved_first(path: str) -> None:
    if path.startswith("/"):
        plain = posixpath.normpath("/" + path.lstrip("/"))
        assert typed_path(path) == typed_path(plain)
        assert typed_path(path).count("/") == (plain.count("/") if plain != "/" else 1)
        assert ".." not in typed_path(path).split("/")
    else:
        assert typed_path(path) == path


@pytest.mark.parametrize("token", VOLATILE)
def test_a_volatile_segment_becomes_its_type_anywhere(token: str) -> None:
    segment = VOLATILE[token]
    assert typed_path(f"/a/{segment}/b") == f"/a/{token}/b"
    assert typed_path(f"/{segment}") == f"/{token}"
    assert typed_path(f"/a/{segment}x/b") == f"/a/{segment}x/b"
    assert typed_path(f"/a/x-{segment}/b") == f"/a/x-{segment}/b"
    assert {t for t, _ in SEGMENT_TYPES} == set(VOLATILE)


SAME = {
    "/proc/1/stat": "/proc/<pid>/stat",
    "/proc/4711/task/4712/comm": "/proc/<pid>/task/<pid>/comm",
    "/proc/self/task/9/comm": "/proc/self/task/<pid>/comm",
    "/proc/self/fd/12": "/proc/self/fd/<num>",
    "/proc/12/fdinfo/3": "/proc/<pid>/fdinfo/<num>",
    "/proc/irq/12/smp_affinity": "/proc/irq/12/smp_affinity",
    "/proc/sys/net/ipv4/tcp_rmem": "/proc/sys/net/ipv4/tcp_rmem",
    "/etc/rc3.d/S01x": "/etc/rc3.d/S01x",
    "/data/../etc/shadow": "/etc/shadow",
    "/data/12/x": "/data/12/x",
    "/deadbeefdeadbeefdeadbeefdeadbeef": "/deadbeefdeadbeefdeadbeefdeadbeef",
    "//a//b/./c/": "/a/b/c",
    "/../..": "/",
}


@pytest.mark.parametrize("path", SAME)
def test_numbers_are_typed_where_the_kernel_gives_them_out(path: str) -> None:
    assert typed_path(path) == SAME[path]
