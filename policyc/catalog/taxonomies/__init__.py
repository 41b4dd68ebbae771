"""The lists that a threat may refer to: ids and titles, each list with its source and date.

One JSON file a list.  ``date`` is the publication's, as precise as its source gives it;
``read`` the day on which the list was put together; ``note`` says out of what where that was not
``source`` itself.  ``artifact`` marks entries about the
model itself, ``kind: document`` lists of duties, which no attack is described in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from policyc.core.strict_json import loads


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """One list in one version; ``is_document``: of duties and not of attacks."""

    name: str
    version: str
    source: str
    date: str
    read: str
    note: str
    is_document: bool
    titles: Mapping[str, str]
    artifacts: frozenset[str]


@cache
def taxonomies() -> tuple[Taxonomy, ...]:
    """All lists, by file name."""
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return tuple(_read(file.read_bytes()) for file in files if file.name.endswith(".json"))


@cache
def references() -> Mapping[str, Taxonomy]:
    """Every id that may be referred to, and its list."""
    return MappingProxyType({id_: list_ for list_ in taxonomies() for id_ in list_.titles})


def meanings(word: str) -> tuple[str, ...]:
    """The ids that a reference without its year could mean, in order of their years."""
    return tuple(sorted(id_ for id_ in references() if id_.partition(":")[0] == word))


def title(id_: str) -> str:
    """The title of a known id."""
    return references()[id_].titles[id_]


def _read(data: bytes) -> Taxonomy:
    match loads(data):
        case {
            "list": str(name),
            "version": str(version),
            "source": str(source),
            "date": str(date),
            "read": str(read),
            "entries": list(entries),
            **rest,
        }:
            titles: dict[str, str] = {}
            artifacts: set[str] = set()
            for entry in entries:
                match entry:
                    case {"id": str(id_), "title": str(text), **marks}:
                        titles[id_] = text
                        if marks.get("artifact") is True:
                            artifacts.add(id_)
            return Taxonomy(
                name,
                version,
                source,
                date,
                read,
                str(rest.get("note", "")),
                rest.get("kind") == "document",
                MappingProxyType(titles),
                frozenset(artifacts),
            )
    raise AssertionError("a taxonomy has another form")
