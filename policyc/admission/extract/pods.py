"""What a pod asks for, over all its containers and volumes."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.extract.arguments import argument_asks, names_tools
from policyc.admission.extract.atoms import DOMAIN
from policyc.admission.extract.environment import Environment, Variable, environment, listed
from policyc.admission.extract.lists import words_of
from policyc.admission.extract.names import Meaning, meaning
from policyc.admission.extract.values import asks_of
from policyc.admission.extract.volumes import volume_asks
from policyc.admission.pods import Pod
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.admission.view import View


def pod_asks(pod: Pod, namespace: str, view: View) -> Iterator[Ask]:
    """Every ask of a pod; annotations are not among them: they are claims."""
    volumes = {str(v.get("name")): v for v in listed(pod.spec.get("volumes"))}
    for container in pod.containers():
        yield from container_asks(container.body, container.path, namespace, view)
        if volumes:
            yield from _files(container.body, container.path, volumes)
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


def container_asks(body: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    """What one container asks for by its variables and its command line."""
    found = environment(body, path, namespace, view)
    has_list = _has_list(found) or names_tools(body, path)
    for where, text, fault in found.faults:
        yield Ask("tools", text, where, fault)
    for variable in found.variables:
        yield from _variable(variable, has_list=has_list)
    yield from argument_asks(body, path, found.values, has_list=has_list)


def _has_list(found: Environment) -> bool:
    return any(
        meaning(v.name) is Meaning.TOOLS and v.value and words_of(v.value) for v in found.variables
    )


def _variable(variable: Variable, *, has_list: bool) -> Iterator[Ask]:
    name, value, path = variable.name, variable.value, variable.path
    means = meaning(name)
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


def _files(body: Object, path: str, volumes: dict[str, Object]) -> Iterator[Ask]:
    """Files that variables name as configurations, on mounts that nobody can look into."""
    for i, entry in enumerate(listed(body.get("env"))):
        name, value = entry.get("name"), entry.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or not value.startswith("/"):
            continue
        if meaning(name) in (Meaning.MCP, Meaning.TOOLS) and (
            kind := _hidden(value, body, volumes)
        ):
            why = f"`{value}` is on a volume of kind {kind}, which is never read"
            yield Ask("tools", value, f"{path}.env[{i}].value", Unknown("INDIRECT", why))


def _hidden(file: str, body: Object, volumes: dict[str, Object]) -> str:
    """The kind of volume that holds a file, unless it is the image or a ConfigMap."""
    best, kind = -1, ""
    for mount in listed(body.get("volumeMounts")):
        at = str(mount.get("mountPath", "")).rstrip("/")
        if at and (file == at or file.startswith(at + "/")) and len(at) > best:
            volume = volumes.get(str(mount.get("name")), {})
            best = len(at)
            kind = next((key for key in volume if key not in ("name", "configMap")), "")
    return kind
