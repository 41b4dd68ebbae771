"""Random points, boxes and regions of every domain, from small vocabularies that collide."""

from __future__ import annotations

from hypothesis import strategies as st

from policyc.envelope.axes import AddressAxis, EnumAxis, HostAxis, LabelAxis, PathAxis, PortAxis
from policyc.envelope.region import Domain, Region

TEXTS = ("", "a", "ab", "abc", "b", "ba", "*", "a*", "!x", "get", "list", "pods/log")
HOSTS = ("example.com", "api.example.com", "v2.api.example.com", "example.org", "com")
PATHS = (
    "/etc/passwd",
    "/etc/shadow",
    "/data/x",
    "/data",
    "/data/x/y",
    "/proc/7/stat",
    "/proc/self/maps",
)
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.255.255.255", "192.0.2.1", "::1", "2001:db8::1", "0.0.0.0")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/31", "0.0.0.0/0", "::/0", "2001:db8::/32", "192.0.2.1/32")
PORTS = ("0", "1", "80", "443", "8000", "65535")
RANGES = ("*", "80", "1-1023", "443-8000", "65535", "0")
LABELS = ("=a", "=b", "=", "")


def element(axis: object) -> st.SearchStrategy[str]:
    """A written element of an axis."""
    match axis:
        case EnumAxis():
            return st.sampled_from(axis.words)
        case PortAxis():
            return st.sampled_from(PORTS)
        case AddressAxis():
            return st.sampled_from(ADDRESSES)
        case HostAxis():
            return st.sampled_from(HOSTS)
        case PathAxis():
            return st.sampled_from(PATHS)
        case LabelAxis():
            return st.sampled_from(LABELS)
    return st.sampled_from(TEXTS)


def pattern(axis: object) -> st.SearchStrategy[str]:
    """A written pattern of an axis."""
    match axis:
        case EnumAxis():
            return st.sampled_from((*axis.words, "*"))
        case PortAxis():
            return st.sampled_from(RANGES)
        case AddressAxis():
            return st.sampled_from((*NETWORKS, "*"))
        case HostAxis():
            return st.sampled_from((*HOSTS, *(f"*.{h}" for h in HOSTS), "*"))
        case PathAxis():
            return st.sampled_from((*PATHS, "/data/**", "/**", "/etc/**", "*"))
        case LabelAxis():
            return st.sampled_from(("=a", "=b", "=*", "", "*"))
    return st.sampled_from(("", "a", "ab", "a*", "ab*", "b", "\\*", "*", "get", "abc"))


def names(domain: Domain) -> list[str]:
    """The axes to draw from: the fixed ones and two labels of each family."""
    return [a.name for a in domain.axes] + [
        f"{f}:{k}" for f in domain.families for k in ("app", "tier")
    ]


@st.composite
def written_boxes(draw: st.DrawFn, domain: Domain) -> dict[str, list[str]]:
    """A box as it is written: some axes, each with one to three patterns."""
    chosen = draw(st.lists(st.sampled_from(names(domain)), unique=True, max_size=4))
    return {
        name: draw(st.lists(pattern(domain.axis(name)), min_size=1, max_size=3)) for name in chosen
    }


@st.composite
def points(draw: st.DrawFn, domain: Domain) -> dict[str, str]:
    """A point; labels may be absent."""
    point = {axis.name: draw(element(axis)) for axis in domain.axes}
    for family in domain.families:
        for key in ("app", "tier"):
            value = draw(st.sampled_from((None, "=a", "=b")))
            if value is not None:
                point[f"{family}:{key}"] = value
    return point


@st.composite
def regions(draw: st.DrawFn, domain: Domain) -> Region:
    """A union of boxes, some taken out again."""
    plus = draw(st.lists(written_boxes(domain), max_size=4))
    minus = draw(st.lists(written_boxes(domain), max_size=2))
    return domain.union(map(domain.written, plus)) - domain.union(map(domain.written, minus))
