"""The records of the decision log: canonical JSON objects, one a line.

No record holds an object, an argument or a secret: digests stand for them.  Fields that
would be empty are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus

from pydantic_core import to_json

from policyc.admission.pods import Pod, pod_of
from policyc.admission.request import Object, Request
from policyc.admission.review import patch_json
from policyc.admission.verdict import Verdict
from policyc.audit.alike import canonical_object
from policyc.core.canonical import Json, canonical_json, digest, digest_in_steps
from policyc.core.strict_json import loads

_LONGEST = 512  # code points of one text; Kubernetes names have at most 253
_MOST_CODES = 64
_LONGEST_LIST = 2048  # code points of all texts of one list

WRITTEN = "written"
"""Of a request's readings: what gives the object's canonical JSON, where it is known without writing it."""

Record = Mapping[str, Json]


class Kind(StrEnum):
    EPOCH = "epoch"  # the first of an epoch: which log, and what the epoch before left
    DECISION = "decision"
    GAP = "gap"  # decisions that could not be written, by number
    CLOSE = "close"  # the last of an epoch that ended in order


COMMON = ("before", "boot", "kind", "sequence", "time")
"""Fields of every record."""

FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.EPOCH: ("earlier", "epoch", "log", "strict"),
    Kind.DECISION: (
        "agent",
        "bundle",
        "codes",
        "dryRun",
        "exception",
        "extra",
        "generateName",
        "group",
        "groups",
        "name",
        "namespace",
        "object",
        "oldObject",
        "operation",
        "patch",
        "repeat",
        "resource",
        "serial",
        "stage",
        "status",
        "subresource",
        "uid",
        "user",
        "userUid",
        "verdict",
        "webhook",
    ),
    Kind.GAP: ("lost",),
    Kind.CLOSE: (),
}
"""Kind -> its own fields; ``clock`` may stand in any record (the wall clock, where it ran behind)."""


def decided(
    asked: Record, verdict: Verdict, *, serial: int, exception: str = "", webhook: str = ""
) -> dict[str, Json]:
    """The fields of a decision that do not depend on its place in the log; ``asked`` as below."""
    fields: dict[str, Json] = {
        "agent": _text(verdict.agent),
        "stage": verdict.stage,
        "bundle": verdict.bundle,
        "serial": serial,
        "verdict": "allow" if verdict.allowed else "deny",
        "codes": _codes(verdict),
        "exception": _text(exception),
        "patch": digest(patch_json(verdict)) if verdict.patch else "",
        "webhook": webhook,
    }
    return {**asked, **{name: value for name, value in fields.items() if value}}


def asked(request: Request, *, is_long: bool = False) -> dict[str, Json]:
    """The fields that say what was asked; worked out once, and kept with the request.

    Of a long request that takes long: whoever has a thread for it asks there first, and
    says ``is_long`` so that other threads may run meanwhile.
    """
    found: dict[str, Json] | None = request.readings.get("record")
    if found is None:
        found = request.readings["record"] = _asked(request, is_long=is_long)
    return found


def _asked(request: Request, *, is_long: bool) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "kind": Kind.DECISION.value,
        "uid": _text(request.uid),
        "operation": request.operation.value,
        "group": _text(request.resource_group),
        "resource": _text(request.resource),
        "subresource": _text(request.subresource),
        "namespace": _text(request.namespace),
        "name": _text(request.name),
        "generateName": "" if request.name else _text(_generate_name(request.subject)),
        "user": _text(request.user),
        "userUid": _text(request.user_uid),
        "groups": _texts(request.groups),
        "extra": _texts(_pairs(request.extra)),
        "object": _object(request, is_long=is_long),
        "oldObject": _long(request.old) if is_long else _digest(request.old),
        "dryRun": request.dry_run,
    }
    return {name: value for name, value in fields.items() if value}


def refusal(verdict: Verdict, *, serial: int, webhook: str, status: int) -> dict[str, Json]:
    """The fields of a review that was refused unjudged: nothing but its uid was read of it.

    ``status`` is that of HTTP; another one than 200 answers nothing, and what becomes of the
    request is the API server's to say.
    """
    fields: dict[str, Json] = {
        "kind": Kind.DECISION.value,
        "uid": _text(verdict.uid),
        "bundle": verdict.bundle,
        "serial": serial,
        "verdict": "deny" if status == HTTPStatus.OK else "none",
        "codes": _codes(verdict),
        "status": status if status != HTTPStatus.OK else 0,
        "webhook": webhook,
    }
    return {name: value for name, value in fields.items() if value}


def encode(record: Record) -> bytes:
    """The line without its newline: what the leaf of the tree is the hash of.

    Canonical JSON, of an encoder in Rust where no member is an object, whose keys it would not sort.
    """
    ordered = dict(sorted(record.items()))
    if dict in map(type, ordered.values()):
        return canonical_json(ordered)
    return to_json(ordered)


def decode(line: bytes) -> dict[str, Json]:
    """A record of a line; ValueError when it is not exactly what ``encode`` writes."""
    value = loads(line)
    if not isinstance(value, dict) or _deep(value):
        raise ValueError("it is no record")
    if canonical_json(value) != line:
        raise ValueError("it is not in canonical form")
    kind = Kind(str(value.get("kind")))
    if unknown := value.keys() - {*COMMON, "clock", *FIELDS[kind]}:
        raise ValueError(f"it has an unknown field `{min(unknown)}`")
    if missing := set(COMMON) - value.keys():
        raise ValueError(f"it has no field `{min(missing)}`")
    read_time(value)
    return value


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: equal lengths, so that texts sort as times do."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def read_time(record: Record) -> datetime:
    """When a record was made: never before the record before it."""
    text = str(record["time"])
    moment = datetime.fromisoformat(text)
    if time_text(moment) != text:
        raise ValueError(f"`{text}` is not a time as the log writes it")
    return moment


def _deep(value: dict[str, Json]) -> list[Json]:
    """What lies two steps down: records have one level of objects, and lists of texts."""
    return [
        deeper
        for inner in value.values()
        if isinstance(inner, (dict, list))
        for deeper in (inner.values() if isinstance(inner, dict) else inner)
        if isinstance(deeper, (dict, list))
    ]


def _generate_name(subject: Object) -> str:
    metadata = subject.get("metadata")
    name = metadata.get("generateName") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _digest(value: Object | None, pod: Pod | None = None) -> str:
    return "" if value is None else digest(canonical_object(value, pod))


def _object(request: Request, *, is_long: bool) -> str:
    written: Callable[[], bytes] | None = request.readings.get(WRITTEN)
    if written is not None:
        return digest(written())
    return _long(request.object) if is_long else _digest(request.object, pod_of(request))


def _long(value: Object | None) -> str:
    return "" if value is None else digest_in_steps(value)


def _codes(verdict: Verdict) -> list[Json]:
    """``REASON:level``, sorted, each once; what is too many is counted."""
    found = sorted({f"{finding.reason}:{finding.level.value}" for finding in verdict.findings})
    if len(found) > _MOST_CODES:
        found[_MOST_CODES:] = [f"+{len(found) - _MOST_CODES}"]
    return list(found)


def _pairs(extra: Mapping[str, Json]) -> Iterator[str]:
    """``KEY=VALUE`` of each value of each key, in the order of the keys."""
    for key in sorted(extra):
        values = extra[key]
        for value in values if isinstance(values, list) else [values]:
            yield f"{key}={value}"


def _texts(values: Iterable[str]) -> list[Json]:
    """The texts; in the place of those for which there is no room, a digest of all of them."""
    every: list[Json] = [*values]
    kept: list[Json] = []
    room = _LONGEST_LIST
    for value in every:
        room -= len(str(value))
        if room < 0:
            return [*kept, f"…{digest(canonical_json(every))}"]
        kept.append(value)
    return kept


def _text(value: str) -> str:
    """The text, or the start of a long one and the digest of all of it."""
    if len(value) <= _LONGEST:
        return value
    return f"{value[: _LONGEST - 72]}…{digest(value.encode())}"
