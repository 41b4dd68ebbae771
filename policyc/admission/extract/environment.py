"""A container's variables as the kubelet would set them, each with the place that sets it.

The order and the expansion of ``$(NAME)`` are those of pkg/kubelet/kubelet_pods.go
makeEnvironmentVariables and third_party/forked/golang/expansion (Kubernetes 1.36): first
``envFrom``, then ``env`` in order, each value seeing what stands before it; ``$$(NAME)``
is an escape, and a name that is not known stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from policyc.admission.request import Object
from policyc.admission.requested import Unknown
from policyc.admission.view import View
from policyc.core.canonical import Json

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_LONGEST = 128 * 1024
_MOST = 6 * 1024 * 1024
"""One text that a process may be given, and all together: execve(2), MAX_ARG_STRLEN and the limit
on the stack.  A few references that double each other would fill any memory."""
_OWN_FIELDS = frozenset({"status.podIP", "status.podIPs", "metadata.namespace", "metadata.name", "metadata.uid", "spec.serviceAccountName", "spec.nodeName"})  # fmt: skip


class Room:
    """How many characters a process could still be given, of those that references stand for."""

    def __init__(self) -> None:
        self.left = _MOST


class Variable(NamedTuple):
    """One variable; ``value`` is None where it is not known, ``fault`` why it may not be trusted."""

    name: str
    value: str | None
    path: str
    fault: Unknown | None = None
    is_repeated: bool = False
    is_url: bool = False  # it was written as one, whatever becomes of it


@dataclass(frozen=True, slots=True)
class Environment:
    """``variables`` in order; ``faults`` are sources whose names are not known, with their paths."""

    variables: tuple[Variable, ...]
    faults: tuple[tuple[str, str, Unknown], ...]

    @property
    def values(self) -> Mapping[str, str | None]:
        return {v.name: v.value for v in self.variables}


def environment(body: Object, path: str, namespace: str, view: View) -> Environment:
    """The variables of a container at a JSON path, with what the view says of ConfigMaps."""
    variables: list[Variable] = []
    faults: list[tuple[str, str, Unknown]] = []
    for i, source in enumerate(listed(body.get("envFrom"))):
        where = f"{path}.envFrom[{i}]"
        found, fault = _all_of(source, where, namespace, view)
        variables += found
        if fault is not None:
            faults.append((where, _shown(source), fault))
    known: dict[str, str | None] = {v.name: v.value for v in variables}
    seen: set[str] = set()
    room = Room()
    for i, entry in enumerate(listed(body.get("env"))):
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        variable = _variable(name, entry, f"{path}.env[{i}]", known, room, namespace, view)
        if name in seen:
            variable = variable._replace(is_repeated=True)
        seen.add(name)
        known[name] = variable.value
        variables.append(variable)
    return Environment(tuple(variables), tuple(faults))


def listed(value: Json) -> Iterator[Object]:
    """The objects of a list, in their places; what is no object counts as an empty one."""
    for item in value if isinstance(value, list) else ():
        yield item if isinstance(item, dict) else {}


def expand(
    text: str, known: Mapping[str, str | None], room: Room | None = None
) -> tuple[str | None, str]:
    """The text after expansion and the first name that is not known; None when a value is not.

    A name whose value makes the text longer than a process may be given counts as not known.
    """
    if "$" not in text:
        return text, ""
    missing = ""
    is_known = True
    left = min(_LONGEST, room.left if room is not None else _MOST)

    def replaced(found: re.Match[str]) -> str:
        nonlocal missing, is_known, left
        name = found[1]
        if name is None:
            return "$"
        if name not in known:
            missing = missing or name
            return found[0]
        value = known[name]
        left -= len(value or "")
        if value is None or left < 0:
            missing, is_known = missing or name, False
        return value or "" if is_known else ""

    expanded = _REFERENCE.sub(replaced, text)
    if room is not None:
        room.left -= len(expanded)
    return (expanded if is_known else None), missing


def unresolved(missing: str, known: Mapping[str, str | None]) -> str:
    """Why a reference is not resolved."""
    if known.get(missing) is None:
        return f"`$({missing})` is not known"
    return f"`$({missing})` makes it longer than a process may be given"


def config_map(view: View, namespace: str, name: Json) -> tuple[Object | None, Unknown | None]:
    """A ConfigMap, as far as it is there, and why it may not be trusted to stay as it is."""
    if ("", "ConfigMap") in view.unknown:
        return None, Unknown("STATE_UNKNOWN", "the state of ConfigMaps is not known at the moment")
    body = view.get("", "ConfigMap", namespace, name) if isinstance(name, str) else None
    if body is None:
        return None, Unknown("INDIRECT", f"there is no ConfigMap `{name}`: create it first")
    if body.get("immutable") is not True:
        return body, Unknown(
            "INDIRECT", f"ConfigMap `{name}` can change later: make it `immutable: true`"
        )
    return body, None


def texts_of(body: Object | None) -> dict[str, str]:
    """The text entries of a ConfigMap."""
    data = body.get("data") if body is not None else None
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def _shown(source: Object) -> str:
    for kind in ("configMapRef", "secretRef"):
        reference = source.get(kind)
        if isinstance(reference, dict):
            return f"{kind} {reference.get('name')}"
    return "envFrom"


def _all_of(
    source: Object, where: str, namespace: str, view: View
) -> tuple[list[Variable], Unknown | None]:
    prefix = source.get("prefix")
    start = prefix if isinstance(prefix, str) else ""
    reference = source.get("configMapRef")
    if isinstance(reference, dict):
        body, fault = config_map(view, namespace, reference.get("name"))
        found = [
            Variable(start + key, value, f"{where}.configMapRef")
            for key, value in texts_of(body).items()
        ]
        return found, fault
    if source.get("secretRef") is not None:
        why = "a Secret is never read, and may set any variable: name its keys one by one"
        return [], Unknown("INDIRECT", why)
    return [], Unknown("INDIRECT", "its source is not known") if source.keys() - {
        "prefix"
    } else None


def _variable(
    name: str,
    entry: Object,
    path: str,
    known: Mapping[str, str | None],
    room: Room,
    namespace: str,
    view: View,
) -> Variable:
    source = entry.get("valueFrom")
    if isinstance(source, dict) and source:
        return _from(name, source, f"{path}.valueFrom", namespace, view)
    written = entry.get("value")
    if written is None or not isinstance(written, str):
        return Variable(name, "", f"{path}.value")
    value, missing = expand(written, known, room)
    fault = Unknown("UNRESOLVED", unresolved(missing, known)) if missing else None
    return Variable(name, value, f"{path}.value", fault, is_url="://" in written)


def _from(name: str, source: Object, path: str, namespace: str, view: View) -> Variable:
    match source:
        case {"configMapKeyRef": dict(reference)}:
            body, fault = config_map(view, namespace, reference.get("name"))
            key = reference.get("key")
            value = texts_of(body).get(key) if isinstance(key, str) else None
            if value is None and (fault is None or (body is None and fault.reason == "INDIRECT")):
                # In the same words, whichever is missing: neither gives the agent anything.
                why = f"there is no `{key}` in a ConfigMap `{reference.get('name')}`"
                fault = Unknown("INDIRECT", why)
            return Variable(name, value, f"{path}.configMapKeyRef", fault)
        case {"secretKeyRef": dict(reference)}:
            why = f"it comes from key `{reference.get('key')}` of Secret `{reference.get('name')}`, which is never read"
            return Variable(name, None, f"{path}.secretKeyRef", Unknown("INDIRECT", why))
        case {"resourceFieldRef": dict()}:
            return Variable(name, "", f"{path}.resourceFieldRef")
        case {"fieldRef": {"fieldPath": str(field)}} if field in _OWN_FIELDS:
            return Variable(name, "", f"{path}.fieldRef")
        case {"fieldRef": dict(reference)}:
            why = f"`{reference.get('fieldPath')}` can change while the pod runs"
            return Variable(name, None, f"{path}.fieldRef", Unknown("MUTABLE_SOURCE", why))
    return Variable(name, None, path, Unknown("INDIRECT", "its source is not known"))
