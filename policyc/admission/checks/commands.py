"""What is started in an agent's containers: executables of its envelope's `exec` domain."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from policyc.admission.case import Case
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.core.canonical import Json

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


def entrypoint(case: Case) -> Iterator[Finding]:
    """A command of the pod's own replaces the one that the image's digest pins."""
    if case.bound is None:
        return
    pod, _ = case.bound
    for container in pod.containers():
        command = container.body.get("command")
        yield from _command(case, f"{container.title}", command, f"{container.path}.command")


def hooks(case: Case) -> Iterator[Finding]:
    """Probes and lifecycle hooks run executables in the container too."""
    if case.bound is None:
        return
    pod, _ = case.bound
    for container in pod.containers():
        lifecycle = container.get("lifecycle")
        places: list[tuple[str, Json]] = [(n, container.body.get(n)) for n in _PROBES]
        places += [(f"lifecycle.{n}", lifecycle.get(n)) for n in _HOOKS]
        for place, handler in places:
            match handler:
                case {"exec": {"command": command}}:
                    path = f"{container.path}.{place}.exec.command"
                    yield from _command(case, f"{place} of {container.title}", command, path)


def _command(case: Case, owner: str, command: Json, path: str) -> Iterator[Finding]:
    assert case.agent is not None
    if not isinstance(command, list) or not command:
        return
    first = command[0]
    if isinstance(first, str) and _is_plain(first):
        if {"path": first} in case.agent.envelope.domains["exec"]:
            return
        because = "the envelope does not have it"
    else:
        because = "which file that is cannot be known; write an absolute path"
    text = f"{owner} would start {shown(first)}: {because}"
    yield case.finding("COMMAND", text, f"{path}[0]", domain="exec")


def _is_plain(path: str) -> bool:
    """Absolute, without detours and without the kubelet's ``$(NAME)``."""
    return path.startswith("/") and normpath(path) == path and "$" not in path


CHECKS = (entrypoint, hooks)
