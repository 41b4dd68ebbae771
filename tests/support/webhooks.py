"""Webhook configurations for tests: those for the research agents, and ways to break them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policyc.deploy.configurations import Target, mutating, validating
from policyc.deploy.judge import Fault, judge
from policyc.kube.client import ApiFault, Event, Resource

Json = Any  # tests build and break documents of every shape

TARGET = Target(("agents", "mcp"), ca_bundle="Q0E=")


def configuration(kind: str = "validating", target: Target = TARGET) -> Json:
    """A copy of the generated configuration."""
    made = {"validating": validating, "mutating": mutating}[kind](target)
    return copy.deepcopy(made)


def entry(body: Json, name: str) -> Json:
    """One entry of a configuration, by the first word of its name."""
    (found,) = [w for w in body["webhooks"] if w["name"] == f"{name}.policyc.dev"]
    return found


def faults(
    change: Callable[[Json], object], kind: str = "validating", *, is_live: bool = True
) -> list[Fault]:
    """What is found after a change to the generated configuration."""
    body = configuration(kind)
    change(body)
    return judge(body, TARGET, is_live=is_live)


class OneObject:
    """An API server of one object, with versions and conflicts."""

    def __init__(self) -> None:
        self.live: Json = None
        self.writes = 0

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        if self.live is None:
            raise ApiFault(404, "not found")
        return self.live

    def send(self, method: str, path: str, body: Json) -> Json:
        self.writes += 1
        if method == "PUT":
            assert body["metadata"]["resourceVersion"] == self.live["metadata"]["resourceVersion"]
        version = str(self.writes)
        self.live = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        return self.live

    def watch(
        self, resource: Resource, version: str, seconds: int, name: str = ""
    ) -> Iterator[Event]:
        return iter(())
