"""Mounted ConfigMaps that hold tools, and mounts whose tools cannot be known.

Only what is a configuration of an agent counts; certificates and other settings pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import basename, normpath

from policyc.admission.extract.environment import config_map, listed
from policyc.admission.extract.files import file_asks, files_of, is_tool_file
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.admission.view import View

ROOT_CA = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})
"""Certificates that a controller puts into every namespace (kube-controller-manager's
root-ca-cert-publisher; OpenShift service CA operator)."""

_KIND = ("", "ConfigMap")
_SOURCES = frozenset({"configMap", "secret", "downwardAPI", "projected"})
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_Names = Mapping[tuple[str, str], set[str]]
"""Volume and path in it -> the names under which containers have that file; an empty path is any."""


def volume_asks(spec: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    """The asks of all volumes of a pod; ``path`` is that of the pod's spec."""
    names: _Names | None = None
    for i, volume in enumerate(listed(spec.get("volumes"))):
        if not _SOURCES.isdisjoint(volume):
            names = _renamed(spec) if names is None else names
            yield from _volume(volume, f"{path}.volumes[{i}]", namespace, view, names)


def _renamed(spec: Object) -> _Names:
    """A file that is mounted alone has the name of its mount, whatever its volume calls it."""
    found: dict[tuple[str, str], set[str]] = {}
    for container in (c for field in _CONTAINERS for c in listed(spec.get(field))):
        for mount in listed(container.get("volumeMounts")):
            part = mount.get("subPath") or mount.get("subPathExpr")
            if isinstance(part, str) and part:
                # What a variable stands in may be any file.
                file = "" if "$" in part else normpath("/" + part)[1:]
                name = basename(normpath(str(mount.get("mountPath"))))
                found.setdefault((str(mount.get("name")), file), set()).add(name)
    return found


def _volume(volume: Object, path: str, namespace: str, view: View, names: _Names) -> Iterator[Ask]:
    own = str(volume.get("name"))
    configured = volume.get("configMap")
    if isinstance(configured, dict):
        yield from _mounted(configured, f"{path}.configMap", namespace, view, names, own)
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
                yield from _mounted(value, f"{where}.configMap", namespace, view, names, own)
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


def _mounted(
    source: Object, path: str, namespace: str, view: View, names: _Names, volume: str
) -> Iterator[Ask]:
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
    for key, text in files_of(body).items():
        paths = [key] if chosen is None else chosen.get(key, ())
        if not paths:
            continue
        called = {key, *map(basename, paths)}.union(
            *(names.get((volume, file), ()) for file in (*map(normpath, paths), ""))
        )
        found = [*file_asks(sorted(called), text, f"{path} (ConfigMap {name}, {key})")]
        is_config = is_config or bool(found)
        yield from found
    if is_config and fault is not None:
        yield Ask("tools", f"ConfigMap {name}", path, fault)


def _chosen(source: Object) -> dict[str, list[str]] | None:
    """Key -> paths of the items that are mounted; None: all keys."""
    items = source.get("items")
    if not isinstance(items, list) or not items:
        return None
    found: dict[str, list[str]] = {}
    for item in listed(items):
        found.setdefault(str(item.get("key")), []).append(str(item.get("path")))
    return found
