"""Recorded events as signals see them: a kind, and fields with text values.

Three formats: ``policyc.dev/v1 SignalRecords``, the API server's audit log, and the profiles of
``policyc.profiles``, whose syscalls, executables, granted requests, peers and tool calls are
records too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from policyc.catalog.signals import FIELDS
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Outcome
from policyc.core.strict_json import loads
from policyc.core.suggest import did_you_mean
from policyc.profiles.base import AgentProfile, Item
from policyc.profiles.registry import read_profiles


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded event; ``place`` is its file and pointer, ``at`` RFC 3339 or empty.

    ``agent`` is whose it is: an agent's name, or what a profile is about in words; empty where
    the source does not say.
    """

    kind: str
    fields: Mapping[str, str]
    place: str
    at: str = ""
    agent: str = ""


def read_records(
    label: str, data: bytes, whose: Callable[[AgentProfile], str] = lambda _: ""
) -> Outcome[tuple[Record, ...]]:
    """The records of a file in any of the formats; PC3115 or the profile's own diagnostics.

    ``whose`` names the agent that a profile is about.
    """
    document = _document(data)
    if isinstance(document, dict) and document.get("kind") == "SignalRecords":
        return _signal_records(label, document)
    match document:
        case [{"apiVersion": "audit.k8s.io/v1"}, *_]:
            return Outcome(tuple(_audit(label, document)))
    profiles = read_profiles(label, data)
    records = [r for p in profiles.value for r in records_of(label, p, whose(p))]
    return Outcome(tuple(records), profiles.diagnostics)


def _document(data: bytes) -> Json:
    """One JSON text, JSON lines as a list, or None: then it is no format of ours."""
    try:
        document = loads(data)
    except ValueError:
        try:
            return [loads(line) for line in data.splitlines() if line.strip()]
        except ValueError:
            return None
    match document:
        case {"apiVersion": "audit.k8s.io/v1", "kind": "EventList", "items": list(items)}:
            return [{"apiVersion": "audit.k8s.io/v1", **i} for i in items if isinstance(i, dict)]
        case {"apiVersion": "audit.k8s.io/v1"}:
            return [document]
    return document


def _signal_records(label: str, document: dict[str, Json]) -> Outcome[tuple[Record, ...]]:
    """The records of a document, whose kind is known to be ours."""
    found: list[Diagnostic] = []
    records: list[Record] = []
    match document:
        case {
            "apiVersion": "policyc.dev/v1",
            "kind": "SignalRecords",
            "records": list(items),
            **rest,
        } if not rest:
            for i, item in enumerate(items):
                records += _record(f"{label}#/records/{i}", item, label, found)
        case _:
            hint = 'it has "apiVersion": "policyc.dev/v1", "kind": "SignalRecords" and "records"'
            found.append(_fault(label, "it is no list of records", hint))
    return Outcome(tuple(records), found)


def _record(place: str, item: Json, label: str, found: list[Diagnostic]) -> list[Record]:
    match item:
        case {"kind": str(kind), "at": str(at), "agent": str(agent), "fields": dict(fields), **rest} if not rest:  # fmt: skip
            pass
        case _:
            hint = "a record has kind, at, agent and fields"
            found.append(_fault(label, f"{place} is no record", hint))
            return []
    if kind not in FIELDS:
        hint = did_you_mean(kind, FIELDS) or f"kinds are {', '.join(FIELDS)}"
        found.append(_fault(label, f"{place}: there is no kind of record `{kind}`", hint))
        return []
    for name, value in fields.items():
        if name not in FIELDS[kind] or not isinstance(value, str):
            hint = did_you_mean(name, FIELDS[kind]) or f"fields are {', '.join(FIELDS[kind])}"
            message = f"{place}: `{name}` is no field of `{kind}` records, or no text"
            found.append(_fault(label, message, hint))
            return []
    return [Record(kind, {k: str(v) for k, v in fields.items()}, place, at, agent)]


def _fault(label: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic("PC3115", f"`{label}`: {message}", path=label, help=hint)


# -- the API server's audit log ---------------------------------------------------------


def _audit(label: str, events: list[Json]) -> Iterator[Record]:
    for i, event in enumerate(events):
        if not isinstance(event, dict):
            continue
        fields = {
            name: value
            for name in FIELDS["kube-audit"]
            if (value := _found(event, name)) is not None
        }
        at = event.get("requestReceivedTimestamp")
        yield Record("kube-audit", fields, f"{label}#/{i}", at if isinstance(at, str) else "")


def _found(event: Mapping[str, Json], name: str) -> str | None:
    """The text of a dotted field; the keys of annotations have dots of their own."""
    head, _, rest = name.partition(".")
    value: Json = event.get(head)
    steps = [rest] if head == "annotations" else [part for part in rest.split(".") if part]
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    match value:
        case None | dict():
            return None
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)


# -- profiles ------------------------------------------------------------------------------


def records_of(label: str, profile: AgentProfile, agent: str = "") -> Iterator[Record]:
    """What the kernel saw, as syscall records; requests as audit records; peers, and calls of tools."""
    ends = {run.id: run.end for run in profile.runs}
    for item, record in _of_profile(label, profile):
        at = item.last_seen or max((ends[run] for run in item.runs), default="")
        yield replace(record, agent=agent, at=at)


def _of_profile(label: str, profile: AgentProfile) -> Iterator[tuple[Item, Record]]:
    for item in profile.items.get("syscalls", ()):
        fields = {"name": _text(item, "name"), "architecture": _text(item, "architecture")}
        if dict(item.values).get("denied"):
            fields["action"] = "denied"
        yield item, _seen("syscall", fields, item, label)
    for item in profile.items.get("executables", ()):
        yield item, _seen("syscall", {"name": "execve", "path": _text(item, "path")}, item, label)
    for item in profile.items.get("kube", ()):
        resource, _, subresource = _text(item, "resource").partition("/")
        fields = {
            "verb": _text(item, "verb"),
            "objectRef.apiGroup": _text(item, "group"),
            "objectRef.resource": resource,
            "objectRef.subresource": subresource,
            "objectRef.namespace": _text(item, "namespace"),
            "objectRef.name": _text(item, "name"),
            "requestURI": _text(item, "url"),
        }
        yield item, _seen("kube-audit", {k: v for k, v in fields.items() if v}, item, label)

    for item in profile.items.get("egress", ()):
        if address := _text(item, "address"):
            yield item, _seen("envelope", {"domain": "egress_ip", "item": address}, item, label)
    for item in (i for i in profile.items.get("tools", ()) if not i.is_served):
        call = {
            "method": "tools/call",
            "server": _text(item, "server"),
            "tool": _text(item, "tool"),
        }
        yield item, _seen("mcp", call, item, label)


def _text(item: Item, name: str) -> str:
    """A text of an item; empty where it does not have it."""
    return next((v for k, v in item.values if k == name and isinstance(v, str)), "")


def _seen(kind: str, fields: dict[str, str], item: Item, label: str) -> Record:
    phase = {"phase": item.phase} if kind == "syscall" else {}
    return Record(kind, {**fields, **phase}, f"{label}#{item.pointer}")
