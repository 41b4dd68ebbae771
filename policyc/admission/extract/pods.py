"""What a pod asks for, over all its containers and volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from types import MappingProxyType

from policyc.admission.extract.arguments import argument_asks, flags, names_tools
from policyc.admission.extract.atoms import DOMAIN
from policyc.admission.extract.environment import (
    Environment,
    Variable,
    environment,
    expand,
    listed,
)
from policyc.admission.extract.lists import words_of
from policyc.admission.extract.names import Meaning, meaning
from policyc.admission.extract.values import asks_of
from policyc.admission.extract.volumes import volume_asks
from policyc.admission.pods import Pod
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.admission.view import View

_NO_VOLUMES: Mapping[str, Object] = MappingProxyType({})


def pod_asks(pod: Pod, namespace: str, view: View) -> Iterator[Ask]:
    """Every ask of a pod; annotations are not among them: they are claims."""
    volumes = {str(v.get("name")): v for v in listed(pod.spec.get("volumes"))}
    for container in pod.containers():
        yield from container_asks(container.body, container.path, namespace, view, volumes)
    yield from volume_asks(pod.spec, pod.at("spec"), namespace, view)


def has_volume_asks(pod: Pod, namespace: str, view: View) -> bool:
    """Whether a volume asks for something, or for what cannot be known."""
    for _ in volume_asks(pod.spec, "", namespace, view):
        return True
    return False


def follows_from_words(pod: Pod) -> bool:
    """Whether what the containers ask for follows from ``Pod.words``: no ConfigMap has a say."""
    for container in pod.containers():
        if container.body.get("envFrom"):
            return False
        for entry in listed(container.body.get("env")):
            source = entry.get("valueFrom")
            if isinstance(source, dict) and "configMapKeyRef" in source:
                return False
    return True


def container_asks(
    body: Object,
    path: str,
    namespace: str,
    view: View,
    volumes: Mapping[str, Object] = _NO_VOLUMES,
) -> Iterator[Ask]:
    """What one container asks for by its variables and its command line.

    ``volumes`` are those of its pod by name, where it may have files.
    """
    found = environment(body, path, namespace, view)
    meant = [meaning(variable.name) for variable in found.variables]
    has_list = _has_list(found, meant) or names_tools(body, path)
    for where, text, fault in found.faults:
        yield Ask("tools", text, where, fault)
    for variable, means in zip(found.variables, meant, strict=True):
        is_plain = means is None and not variable.is_repeated and variable.fault is None
        if not is_plain or "://" in (variable.value or ""):
            yield from _variable(variable, means, has_list=has_list)
    yield from argument_asks(body, path, found.values, has_list=has_list)
    if volumes:
        yield from _files(body, path, found, volumes)


def _has_list(found: Environment, meant: list[Meaning | None]) -> bool:
    return Meaning.TOOLS in meant and any(
        means is Meaning.TOOLS and v.value and words_of(v.value)
        for v, means in zip(found.variables, meant, strict=True)
    )


def _variable(variable: Variable, means: Meaning | None, *, has_list: bool) -> Iterator[Ask]:
    name, value, path = variable.name, variable.value, variable.path
    if variable.is_repeated:
        why = f"`{name}` is set twice: the last one counts"
        yield Ask("runtime", name, path, Unknown("DUP_ENV", why))
    if variable.fault is not None and (
        means is not None or variable.is_url or "://" in (value or "")
    ):
        domain = DOMAIN[means] if means is not None else "egress"
        yield Ask(domain, name, path, variable.fault)
    if value is not None and (means is not None or "://" in value):
        yield from asks_of(name, value, path, has_list=has_list)


def _files(
    body: Object, path: str, found: Environment, volumes: Mapping[str, Object]
) -> Iterator[Ask]:
    """Files that variables and flags name as configurations, on mounts that nobody can look into."""
    given = [(v.name, v.value or "", v.path) for v in found.variables]
    for name, written, where in (*given, *flags(body, path)):
        if "/" not in written or meaning(name) not in (Meaning.MCP, Meaning.TOOLS):
            continue
        value, _ = expand(written, found.values) if name.startswith("-") else (written, "")
        for word in words_of(value or "") or ():
            file = _absolute(word, body, found)
            if file and (kind := _hidden(file, body, volumes)):
                why = f"`{word}` is on a volume of kind {kind}, which is never read"
                yield Ask("tools", word, where, Unknown("INDIRECT", why))


def _absolute(word: str, body: Object, found: Environment) -> str:
    """The path that a word is, empty where it is none, or one below what the image says."""
    start, slash, _ = word.partition("/")
    bases = {
        "": "/",
        ".": body.get("workingDir"),
        "..": body.get("workingDir"),
        "~": found.values.get("HOME"),
    }
    base = bases.get(start) if slash else None
    if not isinstance(base, str) or not base:
        return ""
    return normpath(f"/{base}/{word.removeprefix('~')}").replace("//", "/", 1)


def _hidden(file: str, body: Object, volumes: Mapping[str, Object]) -> str:
    """The kind of volume that holds a file, unless it is the image or a ConfigMap."""
    best, kind = -1, ""
    for mount in listed(body.get("volumeMounts")):
        at = normpath(f"/{mount.get('mountPath', '')}").replace("//", "/", 1).rstrip("/")
        if (file == at or file.startswith(at + "/")) and len(at) > best:
            volume = volumes.get(str(mount.get("name")), {})
            best = len(at)
            kind = next((key for key in volume if key not in ("name", "configMap")), "")
    return kind
