"""What is started in an agent's containers: executables of its envelope's `exec` domain."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.pods import Container
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.core.canonical import Json

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


@of_words
def entrypoint(case: Case) -> Iterator[Finding]:
    """A command of the pod's own replaces the one that the image's digest pins."""
    bound = case.bound
    if bound is None:
        return
    for container in bound[0].containers():
        if command := container.body.get("command"):
            yield from _command(case, container.title, command, f"{container.path}.command")


@of_words
def hooks(case: Case) -> Iterator[Finding]:
    """Probes and lifecycle hooks run executables in the container too."""
    bound = case.bound
    if bound is None:
        return
    for container in bound[0].containers():
        for place, action in _actions(container):
            match action:
                case {"command": command}:
                    path = f"{container.path}.{place}.exec.command"
                    yield from _command(case, f"{place} of {container.title}", command, path)


def _actions(container: Container) -> list[tuple[str, Json]]:
    """Where the container's probes and hooks execute something, and what."""
    found: list[tuple[str, Json]] = []
    for prefix, owner, names in (
        ("", container.body, _PROBES),
        ("lifecycle.", container.body.get("lifecycle"), _HOOKS),
    ):
        if isinstance(owner, dict):
            for name in names:
                handler = owner.get(name)
                if isinstance(handler, dict) and "exec" in handler:
                    found.append((prefix + name, handler["exec"]))
    return found


def _command(case: Case, owner: str, command: Json, path: str) -> Iterator[Finding]:
    assert case.agent is not None
    if not isinstance(command, list) or not command:
        return
    first = command[0]
    if isinstance(first, str) and _is_plain(first):
        if {"path": first} in case.agent.envelope.domains["exec"]:
            return
        because, domain = "the envelope does not have it", "exec"
    else:
        because, domain = "which file that is cannot be known; write an absolute path", ""
    text = f"{owner} would start {shown(first)}: {because}"
    yield case.finding("COMMAND", text, f"{path}[0]", domain=domain)


def _is_plain(path: str) -> bool:
    """Absolute, without detours and without the kubelet's ``$(NAME)``."""
    return path.startswith("/") and normpath(path) == path and "$" not in path


CHECKS = (entrypoint, hooks)
