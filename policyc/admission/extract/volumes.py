"""Mounted ConfigMaps that hold tools, and mounts whose tools cannot be known.

A ConfigMap's text is read as JSON or YAML.  Only what is a configuration of an agent counts;
certificates and other settings pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from policyc.admission.extract.environment import config_map, listed, texts_of
from policyc.admission.extract.mcp_config import asks_in
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.admission.view import View
from policyc.catalog.agent_signs import MCP_FILES
from policyc.core.canonical import Json
from policyc.core.strict_json import loads
from policyc.kube.yaml import YamlError, load_all

ROOT_CA = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})
"""Certificates that a controller puts into every namespace (kube-controller-manager's
root-ca-cert-publisher; OpenShift service CA operator)."""

_KIND = ("", "ConfigMap")
_SOURCES = frozenset({"configMap", "secret", "downwardAPI", "projected"})
_MARKS = ("mcp", "tool", "servers", "model", "agent")
_LONGEST = 1 << 20
_SHORT = 1 << 14
_SEPARATORS = ":,-[{?"
_MOST_VALUES = 5_000
"""Of a YAML text: some 50 ms."""


def volume_asks(spec: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    """The asks of all volumes of a pod; ``path`` is that of the pod's spec."""
    for i, volume in enumerate(listed(spec.get("volumes"))):
        if not _SOURCES.isdisjoint(volume):
            yield from _volume(volume, f"{path}.volumes[{i}]", namespace, view)


def _volume(volume: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    configured = volume.get("configMap")
    if isinstance(configured, dict):
        yield from _mounted(configured, f"{path}.configMap", namespace, view)
    secret = volume.get("secret")
    if isinstance(secret, dict):
        yield from _secret(secret, f"{path}.secret", str(secret.get("secretName")))
    downward = volume.get("downwardAPI")
    if isinstance(downward, dict):
        yield from _downward(downward, f"{path}.downwardAPI")
    projected = volume.get("projected")
    sources = projected.get("sources") if isinstance(projected, dict) else None
    for i, source in enumerate(listed(sources)):
        for kind, value in source.items():
            if not isinstance(value, dict) or kind not in _SOURCES:
                continue
            where = f"{path}.projected.sources[{i}]"
            if kind == "configMap":
                yield from _mounted(value, f"{where}.configMap", namespace, view)
            elif kind == "secret":
                yield from _secret(value, f"{where}.secret", str(value.get("name")))
            elif kind == "downwardAPI":
                yield from _downward(value, f"{where}.downwardAPI")


def _downward(source: Object, path: str) -> Iterator[Ask]:
    for i, item in enumerate(listed(source.get("items"))):
        reference = item.get("fieldRef")
        field = reference.get("fieldPath") if isinstance(reference, dict) else None
        if isinstance(field, str) and field.startswith(("metadata.annotations", "metadata.labels")):
            why = f"the file follows `{field}`, which can change while the pod runs"
            where = f"{path}.items[{i}].fieldRef"
            yield Ask("tools", field, where, Unknown("MUTABLE_SOURCE", why))


def _secret(source: Object, path: str, name: str) -> Iterator[Ask]:
    """Secrets are known by name and key alone: a key may say that it is a list of tools."""
    for i, item in enumerate(listed(source.get("items"))):
        written = (str(item.get("key")), str(item.get("path")).rpartition("/")[2])
        if any(is_tool_file(w) for w in written):
            why = f"`{written[0]}` of Secret `{name}` is never read: put it into a ConfigMap"
            yield Ask("tools", written[0], f"{path}.items[{i}]", Unknown("INDIRECT", why))


def _mounted(source: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    name = source.get("name")
    if isinstance(name, str) and name in ROOT_CA and view.get(*_KIND, namespace, name) is None:
        return
    body, fault = config_map(view, namespace, name)
    if body is None and fault is not None:
        if str(name) not in ROOT_CA:
            yield Ask("tools", f"ConfigMap {name}", path, fault)
        return
    chosen = _chosen(source)
    is_config = False
    for key, text in texts_of(body).items():
        if chosen is not None and key not in chosen:
            continue
        shown = (chosen or {}).get(key, key).rpartition("/")[2]
        found = [*file_asks(key, shown, text, f"{path} (ConfigMap {name}, {key})")]
        is_config = is_config or bool(found)
        yield from found
    if is_config and fault is not None:
        yield Ask("tools", f"ConfigMap {name}", path, fault)


def _chosen(source: Object) -> dict[str, str] | None:
    """Key -> path of the items that are mounted; None: all keys."""
    items = source.get("items")
    if not isinstance(items, list):
        return None
    return {str(item.get("key")): str(item.get("path")) for item in listed(items)}


def is_tool_file(name: str) -> bool:
    """Whether a file of that name says which tools an agent has."""
    return name.lower() in MCP_FILES


def file_asks(key: str, shown: str, text: str, path: str) -> Iterator[Ask]:
    """The asks of one file; Unknown when a file of tools cannot be read."""
    is_named = is_tool_file(key) or is_tool_file(shown)
    if not is_named and not any(mark in text.lower() for mark in _MARKS):
        return
    documents = parsed(text)
    if documents is None:
        if is_named:
            why = f"`{shown}` is neither JSON nor YAML"
            yield Ask("tools", shown, path, Unknown("NOT_A_LIST", why))
        return
    for document in documents:
        if is_named and isinstance(document, list):
            document = {"tools": document}  # noqa: PLW2901  # a bare list of tools
        yield from asks_in(document, path)


def parsed(text: str) -> tuple[Json, ...] | None:
    """The documents of a text; None when it is neither JSON nor YAML, or too much to read."""
    if len(text) > _LONGEST:
        return None
    return _short(text) if len(text) <= _SHORT else _long(text)


def _read(text: str) -> tuple[Json, ...] | None:
    with suppress(ValueError):
        return (loads(text.encode("utf-8", "replace")),)
    # YAML takes a hundred times as long as JSON, and whoever may write a ConfigMap could keep
    # the webhook busy with it.  No value is without one of these characters before it.
    if sum(map(text.count, _SEPARATORS)) > _MOST_VALUES:
        return None
    try:
        return tuple(load_all(text))
    except YamlError:
        return None


# ConfigMaps are read again with every pod, so what they say is kept; of long ones only a few.
_short = lru_cache(maxsize=256)(_read)
_long = lru_cache(maxsize=4)(_read)
