"""Our own format: ``policyc.dev/v1 AgentProfile``, strictly in, canonically out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from policyc.catalog.vocabulary import BEHAVIOURS
from policyc.core.canonical import Json, pretty_json
from policyc.core.diagnostics import Diagnostic, Outcome
from policyc.profiles.base import (
    API_VERSION,
    COVERAGE,
    DOMAIN_FIELDS,
    KIND,
    PHASES,
    AgentProfile,
    Field,
    Item,
    Run,
    Value,
    WorkloadKey,
    fault,
)

name = "policyc"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ITEM_FIELDS = frozenset({"phase", "firstSeen", "lastSeen", "count", "runs"})


def sniff(head: Json) -> bool:
    """A profile, or what the API server or kubectl makes of several: a list whose first is one."""
    if not isinstance(head, dict):
        return False
    if (entries := _entries(head)) is not None:
        return head["kind"] == f"{KIND}List" or sniff(next(iter(entries), None))
    return head.get("kind") == KIND and str(head.get("apiVersion", "")).startswith("policyc.dev/")


def read(label: str, documents: list[Json]) -> Outcome[tuple[AgentProfile, ...]]:
    """The profiles; an unknown version is PC5002, anything else that does not fit PC5003."""
    profiles: list[AgentProfile] = []
    found: list[Diagnostic] = []
    for base, document in _taken_apart(documents):
        version = document.get("apiVersion") if isinstance(document, dict) else None
        if version != API_VERSION:
            hint = f"this compiler reads {API_VERSION}"
            found.append(
                fault(label, "PC5002", f"the schema version `{version}` is not known", hint)
            )
            continue
        try:
            profiles.append(_profile(document, base))
        except _MisfitError as misfit:
            hint = "`policyc schema agent-profile` prints the schema"
            at = f"{base}{misfit.pointer}" or "/"
            found.append(fault(label, "PC5003", f"at `{at}`: {misfit}", hint))
    return Outcome(tuple(profiles), found)


def _taken_apart(documents: list[Json]) -> Iterator[tuple[str, Json]]:
    """Each profile, and where it stands when it is one of a list."""
    for document in documents:
        entries = _entries(document) if isinstance(document, dict) else None
        if entries is None:
            yield "", document
        else:
            yield from ((f"/items/{i}", entry) for i, entry in enumerate(entries))


def _entries(document: Mapping[str, Json]) -> list[Json] | None:
    """The members of a list as kubectl prints it (`v1 List`) or the API server answers."""
    entries = document.get("items")
    is_list = (document.get("apiVersion"), document.get("kind")) in _LISTS
    return entries if is_list and isinstance(entries, list) else None


class _MisfitError(ValueError):
    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def _refuse(pointer: str, message: str) -> NoReturn:
    raise _MisfitError(pointer, message)


def _object(
    value: Json, pointer: str, allowed: frozenset[str], required: frozenset[str]
) -> dict[str, Json]:
    if not isinstance(value, dict):
        _refuse(pointer, "an object is wanted")
    unknown = value.keys() - allowed
    if unknown:
        _refuse(pointer, f"the field `{min(unknown)}` is not known")
    missing = required - value.keys()
    if missing:
        _refuse(pointer, f"the field `{min(missing)}` is missing")
    return value


def _text(value: Json, pointer: str) -> str:
    return value if isinstance(value, str) else _refuse(pointer, "a string is wanted")


def _list(value: Json, pointer: str) -> list[Json]:
    return value if isinstance(value, list) else _refuse(pointer, "a list is wanted")


def _count(value: Json, pointer: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        _refuse(pointer, "a whole number from 0 is wanted")
    return value


def _time(value: Json, pointer: str) -> str:
    text = _text(value, pointer)
    if not _TIME.fullmatch(text):
        _refuse(pointer, "a time as 2026-08-01T12:00:00Z is wanted")
    try:
        datetime.fromisoformat(text)
    except ValueError as fault:
        _refuse(pointer, f"`{text}` is no time of the calendar: {fault}")
    return text


def _choice(value: Json, pointer: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        _refuse(pointer, f"one of {', '.join(choices)} is wanted")
    return str(value)


_LONGEST_NAME = 230
"""Of 253 characters (RFC 1123 subdomains); what is over is room for numbers and suffixes."""
_NO_NAME = re.compile(r"[^a-z0-9.-]")
_LISTS = (("v1", "List"), (API_VERSION, f"{KIND}List"))
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_SPEC = frozenset({"workload", "identity", "source", "runs", *DOMAIN_FIELDS})
_WORKLOAD = frozenset({"apiVersion", "kind", "namespace", "name", "container"})
_RUN = frozenset(
    "id start end coverage kernel node templateHash imageDigest hooks blind loss sessions behaviours".split()
)


METADATA = frozenset(
    "name namespace labels annotations uid resourceVersion generation creationTimestamp managedFields "
    "ownerReferences finalizers selfLink generateName deletionTimestamp deletionGracePeriodSeconds".split()
)
"""What an API server keeps with every object (meta/v1 ObjectMeta, Kubernetes 1.36); only the name says something."""


def _profile(document: Json, base: str) -> AgentProfile:
    """The profile that stands at ``base`` in its file."""
    top = _object(document, "", _TOP, _TOP)
    metadata = _object(top["metadata"], "/metadata", METADATA, frozenset({"name"}))
    _text(metadata["name"], "/metadata/name")
    spec = _object(top["spec"], "/spec", _SPEC, frozenset({"source", "runs"}))
    source = _object(
        spec["source"], "/spec/source", frozenset({"tool", "version"}), frozenset({"tool"})
    )
    if ("workload" in spec) == ("identity" in spec):
        _refuse("/spec", "one of `workload` and `identity` is wanted")
    runs = tuple(
        _run(run, f"/spec/runs/{i}") for i, run in enumerate(_list(spec["runs"], "/spec/runs"))
    )
    ids = frozenset(run.id for run in runs)
    if len(ids) != len(runs):
        _refuse("/spec/runs", "two runs have one id")
    return AgentProfile(
        _workload(spec["workload"]) if "workload" in spec else None,
        _identity(spec["identity"]) if "identity" in spec else "",
        _text(source["tool"], "/spec/source/tool"),
        _text(source.get("version", ""), "/spec/source/version"),
        runs,
        {
            domain: _items(spec[domain], domain, ids, base)
            for domain in DOMAIN_FIELDS
            if domain in spec
        },
    )


def _workload(value: Json) -> WorkloadKey:
    fields = _object(value, "/spec/workload", _WORKLOAD, _WORKLOAD)
    texts = {key: _text(text, f"/spec/workload/{key}") for key, text in fields.items()}
    return WorkloadKey(
        texts["apiVersion"], texts["kind"], texts["namespace"], texts["name"], texts["container"]
    )


def _identity(value: Json) -> str:
    text = _text(value, "/spec/identity")
    if text.count("/") != 1:
        _refuse("/spec/identity", "a ServiceAccount as namespace/name is wanted")
    return text


def _run(value: Json, pointer: str) -> Run:
    run = _object(value, pointer, _RUN, frozenset({"id"}))
    hooks = _object(
        run.get("hooks", {}), f"{pointer}/hooks", frozenset({"attached", "missing"}), frozenset()
    )
    run_id = _text(run["id"], f"{pointer}/id")
    if not run_id:
        _refuse(f"{pointer}/id", "the id is empty")
    return Run(
        run_id,
        _time(run["start"], f"{pointer}/start") if "start" in run else "",
        _time(run["end"], f"{pointer}/end") if "end" in run else "",
        _choice(run.get("coverage", "unknown"), f"{pointer}/coverage", COVERAGE),
        _text(run.get("kernel", ""), f"{pointer}/kernel"),
        _text(run.get("node", ""), f"{pointer}/node"),
        _text(run.get("templateHash", ""), f"{pointer}/templateHash"),
        _text(run.get("imageDigest", ""), f"{pointer}/imageDigest"),
        frozenset(_texts(hooks.get("attached", []), f"{pointer}/hooks/attached")),
        frozenset(_texts(hooks.get("missing", []), f"{pointer}/hooks/missing")),
        frozenset(_texts(run.get("blind", []), f"{pointer}/blind")),
        _counts(run.get("loss", {}), f"{pointer}/loss", DOMAIN_FIELDS, "domain"),
        _count(run.get("sessions", 0), f"{pointer}/sessions"),
        _counts(run.get("behaviours", {}), f"{pointer}/behaviours", BEHAVIOURS, "behaviour"),
    )


def _counts(
    value: Json, pointer: str, names: Container[str], what: str
) -> tuple[tuple[str, int], ...]:
    """Counts by name, sorted; every name is one of ``names``."""
    if not isinstance(value, dict) or any(name not in names for name in value):
        _refuse(pointer, f"counts by {what} are wanted")
    return tuple(sorted((k, _count(v, f"{pointer}/{k}")) for k, v in value.items()))


def _texts(value: Json, pointer: str) -> tuple[str, ...]:
    for i, text in enumerate(_list(value, pointer)):
        if not isinstance(text, str):
            _refuse(f"{pointer}/{i}", "a string is wanted")
    return tuple(value)  # type: ignore[arg-type]  # a list of strings, as was just seen


def _items(value: Json, domain: str, ids: frozenset[str], base: str) -> tuple[Item, ...]:
    fields = DOMAIN_FIELDS[domain]
    allowed = frozenset(fields) | _ITEM_FIELDS
    required = frozenset(k for k, f in fields.items() if f.required) | {"runs"}
    readers = [(key, f"/{key}", _READERS[form.form], form) for key, form in fields.items()]
    items: list[Item] = []
    for i, item in enumerate(_list(value, f"/spec/{domain}")):
        pointer = f"/spec/{domain}/{i}"
        try:
            entry = _object(item, "", allowed, required)
            items.append(_item(entry, base + pointer, readers, ids))
        except _MisfitError as misfit:
            _refuse(pointer + misfit.pointer, str(misfit))
    return tuple(items)


def _item(
    item: dict[str, Json],
    pointer: str,
    readers: Sequence[tuple[str, str, Callable[[Json, str, Field], Value], Field]],
    ids: frozenset[str],
) -> Item:
    """The item at ``pointer``; what does not fit is named below it."""
    runs = frozenset(_texts(item["runs"], "/runs"))
    if not runs:
        _refuse("/runs", "an item was seen in at least one run")
    if not runs <= ids:
        _refuse("/runs", f"there is no run `{min(runs - ids)}`")
    return Item(
        tuple([(key, read(item[key], at, form)) for key, at, read, form in readers if key in item]),
        runs,
        _choice(item.get("phase", "unknown"), "/phase", PHASES),
        _time(item["firstSeen"], "/firstSeen") if "firstSeen" in item else "",
        _time(item["lastSeen"], "/lastSeen") if "lastSeen" in item else "",
        _count(item.get("count", 1), "/count"),
        pointer,
    )


def _read_text(value: Json, pointer: str, form: Field) -> Value:
    if form.choices:
        return _choice(value, pointer, form.choices)
    return _text(value, pointer)


def _read_port(value: Json, pointer: str, form: Field) -> Value:
    del form
    port = _count(value, pointer)
    return port if port <= 65535 else _refuse(pointer, "a port is at most 65535")


def _read_texts(value: Json, pointer: str, form: Field) -> Value:
    texts = _texts(value, pointer)
    for text in texts:
        if form.choices and text not in form.choices:
            _refuse(pointer, f"some of {', '.join(form.choices)} are wanted")
    return tuple(sorted(set(texts)))


def _read_labels(value: Json, pointer: str, form: Field) -> Value:
    del form
    if not isinstance(value, dict):
        _refuse(pointer, "an object of labels is wanted")
    return tuple(sorted((key, _text(text, f"{pointer}/{key}")) for key, text in value.items()))


def _read_flag(value: Json, pointer: str, form: Field) -> Value:
    del form
    return value if isinstance(value, bool) else _refuse(pointer, "true or false is wanted")


_READERS: dict[str, Callable[[Json, str, Field], Value]] = {
    "text": _read_text,
    "port": _read_port,
    "texts": _read_texts,
    "labels": _read_labels,
    "flag": _read_flag,
}


def name_of(profile: AgentProfile) -> str:
    """The profile's name, and its file's without the suffix: a DNS subdomain, as recorders make it.

    Two subjects may have one name: `a` in namespace `b-c` and `c-a` in namespace `b`.
    """
    subject = profile.workload
    parts = (
        ("serviceaccount", *profile.identity.split("/"))
        if subject is None
        else (subject.kind, subject.namespace, subject.name, subject.container)
    )
    whole = _NO_NAME.sub("-", "-".join(parts).lower()).strip(".-")
    if len(whole) <= _LONGEST_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[:_LONGEST_NAME].rstrip('.-')}-{digest}"


def encode(profile: AgentProfile) -> Json:
    """The document of a profile; the inverse of ``read``."""
    subject = profile.workload
    spec: dict[str, Json] = {
        "source": {"tool": profile.tool, "version": profile.version},
        "runs": [_encode_run(run) for run in profile.runs],
    }
    if subject is not None:
        spec["workload"] = {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "container": subject.container,
        }
    else:
        spec["identity"] = profile.identity
    for domain, items in profile.items.items():
        spec[domain] = [_encode_item(item, DOMAIN_FIELDS[domain]) for item in items]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name_of(profile)},
        "spec": spec,
    }


def to_bytes(profile: AgentProfile) -> bytes:
    """Canonical bytes: the same for the same profile."""
    return pretty_json(encode(profile))


def _encode_run(run: Run) -> Json:
    encoded: dict[str, Json] = {"id": run.id, "coverage": run.coverage}
    optional = {
        "start": run.start,
        "end": run.end,
        "kernel": run.kernel,
        "node": run.node,
        "templateHash": run.template_hash,
        "imageDigest": run.image_digest,
    }
    encoded.update({key: text for key, text in optional.items() if text})
    if run.hooks_attached or run.hooks_missing:
        encoded["hooks"] = {
            "attached": [*sorted(run.hooks_attached)],
            "missing": [*sorted(run.hooks_missing)],
        }
    if run.blind:
        encoded["blind"] = [*sorted(run.blind)]
    if run.loss:
        encoded["loss"] = dict(run.loss)
    if run.sessions:
        encoded["sessions"] = run.sessions
    if run.behaviours:
        encoded["behaviours"] = dict(run.behaviours)
    return encoded


def _encode_item(item: Item, fields: Mapping[str, Field]) -> Json:
    encoded: dict[str, Json] = {k: _plain(v, fields[k]) for k, v in item.values}
    encoded["phase"] = item.phase
    encoded["runs"] = [*sorted(item.runs)]
    if item.first_seen:
        encoded["firstSeen"] = item.first_seen
    if item.last_seen:
        encoded["lastSeen"] = item.last_seen
    if item.count != 1:
        encoded["count"] = item.count
    return encoded


def _plain(value: Value, form: Field) -> Json:
    if not isinstance(value, tuple):
        return value
    if form.form == "labels":
        return {pair[0]: pair[1] for pair in value}
    return [str(text) for text in value]
