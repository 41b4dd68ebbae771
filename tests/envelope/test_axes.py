"""Axes: written forms and extents are two names of one set."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyc.catalog.paths import PROC_TYPES, SEGMENT_TYPES, typed_path
from policyc.envelope.axes import (
    ALL,
    EMPTY,
    AddressAxis,
    Axis,
    EnumAxis,
    Extent,
    HostAxis,
    LabelAxis,
    PathAxis,
    PortAxis,
    TextAxis,
    between,
    union,
)

ADDRESS, PORT, TEXT = AddressAxis("a"), PortAxis("p"), TextAxis("t")
HOST, PATH, LABEL = HostAxis("h"), PathAxis("f"), LabelAxis("l")
WORDS = EnumAxis("e", ("read", "write", "delete"))
MANY = settings(max_examples=settings.default.max_examples * 4)

# Neighbouring characters, the ends of the code space, and those that patterns escape.
CHARACTERS = st.sampled_from("abc*!\\/\0\U0010ffff\ud7ff")
TEXTS = st.text(CHARACTERS, max_size=4)


def text_patterns() -> st.SearchStrategy[str]:
    one = TEXTS.map(lambda t: TEXT.write(TEXT.only(t))[0])
    below = TEXTS.map(lambda t: TEXT.write(TEXT.only(t + "x"))[0][:-1] + "*")
    return st.one_of(one, below)


def host_patterns() -> st.SearchStrategy[str]:
    names = st.lists(st.sampled_from(("a", "b", "a-b", "0", "com")), min_size=1, max_size=4)
    host = names.map(lambda n: ".".join((*n, "org")))
    return st.one_of(host, host.map("*.{}".format), st.just("*"), st.just("*.org"))


def path_patterns() -> st.SearchStrategy[str]:
    segments = st.lists(
        st.sampled_from(("a", "a0", "b", ".", "..", "proc", "17", "\\*")), min_size=1, max_size=4
    )
    path = segments.map(lambda s: "/" + "/".join(s))
    return st.one_of(path, path.map("{}/**".format), st.just("/**"))


def label_patterns() -> st.SearchStrategy[str]:
    return st.one_of(text_patterns().map("={}".format), st.sampled_from(("", "*", "=*")))


def address_patterns() -> st.SearchStrategy[str]:
    v4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda t: f"{_dotted(t[0] >> (32 - t[1]) << (32 - t[1]))}/{t[1]}"
    )
    edges = (
        "*", "::/0", "0.0.0.0/0", "::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "::/95",
        "::fffe:0:0/95", "::fffe:0:0/96", "::1:0:0:0/80", "::/80", "0.0.0.0/32", "255.255.255.255/32",
    )  # fmt: skip
    return st.one_of(v4, st.sampled_from(edges))


def _dotted(number: int) -> str:
    return ".".join(str(byte) for byte in number.to_bytes(4))


PATTERNS: dict[Axis, st.SearchStrategy[str]] = {
    ADDRESS: address_patterns(),
    PORT: st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
        lambda t: f"{min(t)}-{max(t)}"
    ),
    TEXT: text_patterns(),
    HOST: host_patterns(),
    PATH: path_patterns(),
    LABEL: label_patterns(),
    WORDS: st.sampled_from((*WORDS.words, "*")),
}
EVERY = pytest.mark.parametrize("axis", PATTERNS, ids=lambda a: type(a).__name__)


@st.composite
def extents(draw: st.DrawFn, axis: Axis) -> Extent:
    """What joins and differences of patterns leave, in any order."""
    extent = EMPTY
    for pattern, takes_out in draw(st.lists(st.tuples(PATTERNS[axis], st.booleans()), max_size=6)):
        one = axis.extent(pattern)
        extent = (extent or ALL) - one if takes_out else extent | one
    return extent


@EVERY
@MANY
@given(data=st.data())
def test_what_is_written_is_read_back(axis: Axis, data: st.DataObject) -> None:
    extent = data.draw(extents(axis))
    written = axis.write(extent)
    assert axis.parse(written) == extent
    assert len(set(written)) == len(written)
    for pattern in written:
        axis.extent(pattern.removeprefix("!"))


@MANY
@given(
    cuts=st.lists(st.text("abc!\\*\0", min_size=1, max_size=4), unique=True, max_size=8),
    inside=st.booleans(),
)
def test_any_set_of_texts_is_written(cuts: list[str], inside: bool) -> None:
    edges = [*([None] if inside else []), *sorted(cuts), None]
    extent = union(between(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))
    assert TEXT.parse(TEXT.write(extent)) == extent


def test_neighbouring_prefixes_do_not_run_together() -> None:
    digits = tuple(f"{digit}*" for digit in range(10))
    assert TEXT.write(TEXT.parse(digits)) == digits
    holes = ("*", "!a*", "!b*", "!c*")
    assert TEXT.write(TEXT.parse(holes)) == holes
    assert HOST.write(HOST.parse(("*", "!*.b.org", "a.b.org"))) == ("*", "!*.b.org", "a.b.org")


def test_long_texts_are_written_too() -> None:
    long = "a" * 5000
    assert TEXT.write(ALL - TEXT.only(long)) == ("*", "!" + long)


@EVERY
def test_everything_is_one_extent(axis: Axis) -> None:
    whole = {
        ADDRESS: ("0.0.0.0/0", "::/0"),
        PORT: ("0-999", "1000-65535"),
        TEXT: ("*",),
        HOST: ("*",),
        PATH: ("/**",),
        LABEL: ("", "=*"),
        WORDS: WORDS.words,
    }
    assert axis.parse(whole[axis]) == ALL
    assert axis.parse(axis.write(ALL)) == ALL


@pytest.mark.parametrize(
    ("axis", "pattern"),
    [
        (PORT, ""), (PORT, "080"), (PORT, "4_43"), (PORT, " 80"), (PORT, "٨٠"), (PORT, "90-80"),
        (PORT, "80-"), (PORT, "65536"), (PORT, "-1"),
        (ADDRESS, "10.0.0.0/255.0.0.0"), (ADDRESS, "10.0.0.1/8"), (ADDRESS, "fe80::1%eth0"),
        (ADDRESS, "::ffff:10.0.0.0/104"), (ADDRESS, "::ffff:10.0.0.1/128"), (ADDRESS, "10.0.0.0/٨"),
        (HOST, ""), (HOST, "a..b"), (HOST, "-a.b"), (HOST, "a.*.b"), (HOST, "*a.b"), (HOST, "a b"),
        (HOST, "10.0.0.1"), (HOST, "\u212aubernetes.io"), (HOST, "a" * 64 + ".b"),
        (HOST, ".".join(["ab"] * 85)), (HOST, "*.a." + ".".join(["ab"] * 84)),
        (PATH, "a/b"), (PATH, "/a/*/b"), (PATH, "/a*"), (PATH, "/a//b"), (PATH, ""), (PATH, "/a/***"),
        (LABEL, "value"), (WORDS, "rea"), (WORDS, ""),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(axis: Axis, pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        axis.extent(pattern)


def test_host_names_are_compared_as_dns_does() -> None:
    assert HOST.extent("API.Example.COM.") == HOST.extent("api.example.com")
    assert not HOST.extent("*.example.com") & HOST.extent("example.com")
    assert HOST.extent("a.b.example.com") <= HOST.extent("*.example.com")
    assert not HOST.extent("badexample.com") <= HOST.extent("*.example.com")
    longest = ".".join(["ab"] * 84)
    assert HOST.point(longest) and HOST.point(longest + ".")


def test_trees_hold_what_is_strictly_below() -> None:
    assert not PATH.extent("/data/**") & PATH.extent("/data")
    assert not PATH.extent("/data/**") & PATH.extent("/database")
    assert not PATH.extent("/data/**") & PATH.extent("/data/../etc/shadow")
    assert PATH.extent("/data/x/../y") <= PATH.extent("/data/**")
    assert PATH.extent("/") <= PATH.extent("/**")
    assert PATH.write(PATH.single("/a*b")) == ("/a\\*b",)


def test_mapped_addresses_are_the_addresses_they_map() -> None:
    assert ADDRESS.point("::ffff:10.0.0.1") == ADDRESS.point("10.0.0.1")
    assert ADDRESS.extent("::ffff:10.0.0.1") == ADDRESS.extent("10.0.0.1/32")
    around = ADDRESS.extent("::fffe:0:0/95")
    assert around == ADDRESS.extent("::fffe:0:0/96")
    assert [str(n) for n in ADDRESS.networks(ADDRESS.extent("::/64"))] == ["::/64"]


@given(
    st.lists(
        st.sampled_from(
            ("proc", "17", "self", "task", "fd", "..", ".", "", "a", "0" * 32, "..2025_09_08_14_19_12.1",
             "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "irq", "thread-self", "fdinfo")
        ),
        max_size=8,
    ).map("/".join)
)  # fmt: skip
def test_typing_is_total_and_idempotent(path: str) -> None:
    for written in (path, "/" + path):
        assert typed_path(typed_path(written)) == typed_path(written)


def test_typed_segments() -> None:
    tokens = [token for token, _ in (*SEGMENT_TYPES, *PROC_TYPES)]
    assert len(set(tokens)) == len(tokens)
    for path, typed in {
        "/proc/17/stat": "/proc/<pid>/stat",
        "/proc/17/task/18/fd/3": "/proc/<pid>/task/<pid>/fd/<num>",
        "/proc/irq/12/x": "/proc/irq/12/x",
        "/etc/rc3.d/17": "/etc/rc3.d/17",
        "/v/..2025_09_08_14_19_12.1465104984/ca.crt": "/v/<atomic>/ca.crt",
        "/cache/6ba7b810-9dad-11d1-80b4-00c04fd430c8": "/cache/<uuid>",
        "/layers/" + "0a" * 32: "/layers/<hash>",
        "/words/" + "deadbeef" * 4: "/words/" + "deadbeef" * 4,
        "/x/../../etc/./passwd/": "/etc/passwd",
    }.items():
        assert typed_path(path) == typed
