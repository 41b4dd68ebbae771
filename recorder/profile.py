"""The AgentProfile: how it is made of sightings, and how two of them become one.

The format is described in docs/reference/profile.md.  Joining is free of order and of
repetition, so replicas, nodes and restarts need none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from recorder import VERSION

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Values: TypeAlias = "tuple[tuple[str, str | int | bool | tuple[str, ...]], ...]"
Document: TypeAlias = "dict[str, Json]"

API_VERSION = "policyc.dev/v1"
KIND = "AgentProfile"
COVERAGE = ("from-creation", "from-exec", "attached-late", "unknown")
"""How much of the life was observed, the most first."""
_LONGEST_NAME = 230
"""Of 253 characters (RFC 1123 subdomains); what is over is room for numbers and suffixes."""
_HEAD = frozenset({"workload", "source", "runs"})
"""What a profile has besides a list for each domain."""
SETS = ("modes", "resolved", "hosts", "arguments")
"""Fields of items that differ without making two items of one; they are joined."""
UNANSWERED = "unanswered"
"""Field of a peer that was asked and never answered.  One that answered once is joined without its vain tries."""
ITEM_FIELDS = frozenset({"runs", "phase", "firstSeen", "lastSeen", "count"})
_APART = ITEM_FIELDS - {"phase"} | {*SETS, UNANSWERED}


@dataclass(frozen=True, slots=True)
class Workload:
    """A container of a workload template."""

    api_version: str
    kind: str
    namespace: str
    name: str
    container: str

    @property
    def fields(self) -> Document:
        """As a profile has it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "container": self.container,
        }

    @property
    def slug(self) -> str:
        """The profile's name, and its file's without the suffix: what both may be called, a DNS subdomain."""
        whole = f"{self.kind.lower()}-{self.namespace}-{self.name}-{self.container}"
        if len(whole) <= _LONGEST_NAME:
            return whole
        digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
        return f"{whole[:_LONGEST_NAME].rstrip('.-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Run:
    """One recording of one container from start to end; times in seconds since 1970."""

    id: str
    start: float
    end: float
    coverage: str
    kernel: str
    node: str
    hooks_attached: tuple[str, ...]
    hooks_missing: tuple[str, ...]
    blind: tuple[str, ...]
    loss: tuple[tuple[str, int], ...]
    template_hash: str = ""
    image_digest: str = ""
    sessions: int = 0
    """That are known to have begun; 0: it may have been any number."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One item in one run.  ``count`` 0 and times 0 say that they are not known."""

    domain: str
    values: Values
    phase: str
    first: float = 0
    last: float = 0
    count: int = 0


def profile(
    workload: Workload, run: Run, sightings: Iterable[Sighting], domains: Iterable[str]
) -> Document:
    """The profile of one run; each recorded domain has a list, be it empty."""
    return join([report(workload, run, sightings, domains)])


def report(
    workload: Workload, run: Run, sightings: Iterable[Sighting], domains: Iterable[str]
) -> Document:
    """What ``join`` makes a profile of, alone or with others: its lists are unsorted, and an item may stand twice."""
    spec: Document = {
        "workload": workload.fields,
        "source": {"tool": "recorder", "version": VERSION},
        "runs": [_run(run)],
    }
    found: dict[str, list[Json]] = {domain: [] for domain in domains}
    for sighting in sightings:
        found[sighting.domain].append(_item(sighting, run.id))
    spec.update(found)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": workload.slug},
        "spec": spec,
    }


def join(documents: Iterable[Document]) -> Document:
    """One profile of several of one workload and container; order and repetition change nothing."""
    merged: Document = {}
    sources: list[Document] = []
    runs: dict[str, Document] = {}
    items: dict[str, dict[str, list[Document]]] = {}
    for document in documents:
        spec = _object(document["spec"])
        merged = merged or {key: document[key] for key in ("apiVersion", "kind", "metadata")}
        sources.append(_object(spec["source"]))
        merged["spec"] = {"workload": spec["workload"], "source": max(sources, key=repr)}
        for run in _objects(spec["runs"]):
            known = runs.get(str(run["id"]))
            runs[str(run["id"])] = _join_runs(known, run) if known else run
        for domain, found in spec.items():
            if domain not in _HEAD:
                table = items.setdefault(domain, {})
                for item in _objects(found):
                    table.setdefault(_key(item), []).append(item)
    spec = _object(merged["spec"])
    spec["runs"] = [runs[run] for run in sorted(runs)]
    for domain in sorted(items):
        spec[domain] = [_join_items(items[domain][key]) for key in sorted(items[domain])]
    return merged


def halves(document: Document) -> tuple[Document, ...]:
    """Two smaller profiles that join to this one: of half the runs, else of half the items; () of what has one of each."""
    spec = _object(document["spec"])
    runs = [str(run["id"]) for run in _objects(spec["runs"])]
    if len(runs) > 1:
        middle = len(runs) // 2
        return tuple(
            {**document, "spec": _of_runs(spec, frozenset(half))}
            for half in (runs[:middle], runs[middle:])
        )
    if all(len(_objects(found)) < 2 for name, found in spec.items() if name not in _HEAD):
        return ()
    return tuple({**document, "spec": _every_second(spec, start)} for start in (0, 1))


def _of_runs(spec: Document, chosen: frozenset[str]) -> Document:
    """What these runs saw."""
    made: Document = {name: spec[name] for name in _HEAD}
    made["runs"] = [run for run in _objects(spec["runs"]) if run["id"] in chosen]
    for domain in (name for name in spec if name not in _HEAD):
        made[domain] = [
            {**item, "runs": [*own]}
            for item in _objects(spec[domain])
            if (own := [run for run in _texts(item["runs"]) if run in chosen])
        ]
    return made


def _every_second(spec: Document, start: int) -> Document:
    return {
        name: value if name in _HEAD else [*_objects(value)[start::2]]
        for name, value in spec.items()
    }


def utc(seconds: float) -> str:
    """A time as profiles have it, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _run(run: Run) -> Document:
    written: Document = {
        "id": run.id,
        "start": utc(run.start),
        "end": utc(run.end),
        "coverage": run.coverage,
        "kernel": run.kernel,
        "node": run.node,
        "hooks": {"attached": list(run.hooks_attached), "missing": list(run.hooks_missing)},
        "blind": list(run.blind),
        "loss": dict(run.loss),
    }
    if run.template_hash:
        written["templateHash"] = run.template_hash
    if run.image_digest:
        written["imageDigest"] = run.image_digest
    if run.sessions:
        written["sessions"] = run.sessions
    return written


def _item(sighting: Sighting, run: str) -> Document:
    written: Document = {
        key: list(value) if isinstance(value, tuple) else value for key, value in sighting.values
    }
    written["phase"] = sighting.phase
    if sighting.first:
        written["firstSeen"] = utc(sighting.first)
    if sighting.last:
        written["lastSeen"] = utc(sighting.last)
    if sighting.count:
        written["count"] = sighting.count
    written["runs"] = [run]
    return written


def _key(item: Mapping[str, Json]) -> str:
    """What makes two items one: all but where, when and how often; the fields of `SETS`; and `UNANSWERED`."""
    return repr([(name, item[name]) for name in sorted(item.keys() - _APART)])


def _join_items(same: list[Document]) -> Document:
    """One item of those that differ only in where, when and how it was seen; linear in their number.

    Peers that answered are above those that did not, and each kind joins by itself: so joining
    is free of order, and how often somebody was asked in vain is forgotten with the first answer.
    """
    same = [item for item in same if not item.get(UNANSWERED)] or same
    joined = dict(same[0])
    if len(same) > 1:
        for name in ("runs", *SETS):
            if any(name in item for item in same):
                joined[name] = [*sorted({text for item in same for text in _texts(item.get(name))})]
    _settle(joined)
    for name, choose in (("firstSeen", min), ("lastSeen", max), ("count", max)):
        _pick(joined, same, name, choose)
    return joined


def _settle(peer: Document) -> None:
    """A name that an answer gave is no claim any more."""
    if "hosts" not in peer:
        return
    resolved = _texts(peer.get("resolved"))
    left = [name for name in _texts(peer.pop("hosts", None)) if name not in resolved]
    if left:
        peer["hosts"] = [*left]


def _join_runs(one: Document, other: Document) -> Document:
    """Two reports of one run: what either knows, and the worse of what they lost, were blind to and lacked.

    Each field by itself, so that order and grouping change nothing.  This program never writes `behaviours`;
    who serves the agent may add them to a file, and `sessions`.
    """
    joined: Document = {"id": one["id"]}
    for name in ("kernel", "node", "end", "templateHash", "imageDigest", "sessions"):
        _pick(joined, [one, other], name, max)
    _pick(joined, [one, other], "start", min)
    hooks = [_object(run.get("hooks", {})) for run in (one, other)]
    joined["hooks"] = {name: _union(hooks, name) for name in ("attached", "missing")}
    joined["blind"] = _union([one, other], "blind")
    joined["coverage"] = max(str(one["coverage"]), str(other["coverage"]), key=COVERAGE.index)
    for name in ("loss", "behaviours"):
        if name in one or name in other:
            joined[name] = _larger(_object(one.get(name, {})), _object(other.get(name, {})))
    return joined


def _union(same: list[Document], name: str) -> Json:
    return [*sorted({text for one in same for text in _texts(one.get(name))})]


def _larger(one: Document, other: Document) -> Document:
    """Of two counts by name the larger, name by name."""
    return {
        name: max(_number(one.get(name)), _number(other.get(name)))
        for name in sorted({*one, *other})
    }


def _pick(joined: Document, same: list[Document], name: str, choose: object) -> None:
    found = [value for item in same if (value := item.get(name)) is not None]
    if found:
        joined[name] = choose(found)  # type: ignore[operator]  # min or max of two texts or numbers


def _object(value: Json) -> Document:
    assert isinstance(value, dict)
    return value


def _objects(value: Json) -> list[Document]:
    assert isinstance(value, list)
    return [_object(entry) for entry in value]


def _texts(value: Json) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
