"""Pinned tools: an object that states another description of one is refused.

A pin is the SHA-256 digest of the UTF-8 text of a tool's ``description``.  An object states a
description by its digest in the annotation ``policyc.dev/tool-pins`` (``server/tool=sha256:...``,
several with commas, or a JSON object), and by the text itself in ToolHive's
``MCPToolConfig.spec.toolsOverride`` (stacklok/toolhive, toolconfig_types.go, v1beta1) and in the
tools that kagent discovered, ``RemoteMCPServer.status.discoveredTools`` (kagent-dev/kagent,
remotemcpserver_types.go, v1alpha2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.extract.lists import json_of
from policyc.admission.request import Object
from policyc.admission.verdict import Finding
from policyc.admission.view import annotations_of, key_of
from policyc.core.canonical import Json, digest

ANNOTATION = "policyc.dev/tool-pins"
_PIN = re.compile(r"([^=\s,]+)=(sha256:[0-9a-f]{64})")
_SERVER_KINDS = frozenset({"MCPServer", "RemoteMCPServer", "MCPRemoteProxy", "MCPToolConfig", "VirtualMCPServer", "MCPServerEntry"})  # fmt: skip
_SERVER_GROUPS = frozenset({"kagent.dev", "toolhive.stacklok.dev"})


@dataclass(frozen=True, slots=True)
class Stated:
    """A description that an object states; ``server`` is empty where any server may be meant."""

    server: str
    tool: str
    digest: str
    path: str


def pinned(case: Case) -> Iterator[Finding]:
    """Stated descriptions of pinned tools are the reviewed ones."""
    bound = case.bound
    if bound is not None:
        pod, agent = bound
        text = pod.annotations.get(ANNOTATION)
        if text is not None:
            path = pod.at(f"metadata.annotations['{ANNOTATION}']")
            yield from _judged(case, (agent,), text, path, "")
        return
    request = case.request
    if request.group not in _SERVER_GROUPS or request.kind not in _SERVER_KINDS:
        return
    body = request.object
    if body is None:
        return
    server = "" if request.kind == "MCPToolConfig" else key_of(body)[1]
    agents = tuple(agent for agent in case.bundle.agents.values() if agent.envelope.pins)
    path = f"metadata.annotations['{ANNOTATION}']"
    yield from _judged(case, agents, annotations_of(body).get(ANNOTATION), path, server)
    for stated in _described(body, server):
        yield from _compared(case, agents, stated)


def _judged(
    case: Case, agents: tuple[Agent, ...], text: str | None, path: str, server: str
) -> Iterator[Finding]:
    if text is None:
        return
    stated = _written(text, path, server)
    if stated is None:
        message = "it is no list of `server/tool=sha256:...`"
        yield case.finding("NOT_A_LIST", message, path)
    for one in stated or ():
        yield from _compared(case, agents, one)


def _written(text: str, path: str, server: str) -> list[Stated] | None:
    document = json_of(text)
    if isinstance(document, dict):
        pairs = [f"{name}={value}" for name, value in document.items()]
    else:
        pairs = [word for word in re.split(r"[\s,]+", text) if word]
    found = []
    for pair in pairs:
        match = _PIN.fullmatch(pair)
        if match is None:
            return None
        before, slash, tool = match[1].partition("/")
        found.append(Stated(before if slash else server, tool if slash else before, match[2], path))
    return found


def _described(body: Object, server: str) -> Iterator[Stated]:
    overrides = _inside(body, "spec", "toolsOverride")
    for tool, value in overrides.items() if isinstance(overrides, dict) else ():
        text = _inside(value, "description")
        if isinstance(text, str) and text:
            yield Stated(
                server,
                tool,
                digest(text.encode("utf-8", "surrogatepass")),
                f"spec.toolsOverride.{tool}.description",
            )
    discovered = _inside(body, "status", "discoveredTools")
    for i, value in enumerate(discovered if isinstance(discovered, list) else ()):
        name, text = _inside(value, "name"), _inside(value, "description")
        if isinstance(name, str) and isinstance(text, str):
            path = f"status.discoveredTools[{i}].description"
            yield Stated(server, name, digest(text.encode("utf-8", "surrogatepass")), path)


def _inside(value: Json, *keys: str) -> Json:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _compared(case: Case, agents: tuple[Agent, ...], stated: Stated) -> Iterator[Finding]:
    for agent in agents:
        for pin in agent.envelope.pins:
            if pin.tool != stated.tool or stated.server not in ("", pin.server):
                continue
            if pin.digest != stated.digest:
                message = (
                    f"tool `{pin.server}/{pin.tool}` was reviewed as `{pin.digest}`, "
                    f"and this states `{stated.digest}`"
                )
                yield replace(case, agent=agent).finding("PIN_CHANGED", message, stated.path)
                break


CHECKS = (pinned,)
