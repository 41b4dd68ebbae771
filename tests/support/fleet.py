"""Many agents of both stages in a few namespaces, drawn at random, with their pods and bindings."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from policyc.admission.bundle import Agent, Bundle
from policyc.emit.backstop import Row, row_of
from policyc.envelope.codec import encode
from support.admission import bundle, pod

Json = Any  # documents of the API
API = "rbac.authorization.k8s.io"
SPACES = ("agents", "agents", "agents", "default", "mcp")
"""Where agents are; one namespace has more than the others."""


@dataclass(frozen=True)
class Fleet:
    """``agents`` by name; the class and pods of each are those of ``research`` or ``digest``."""

    agents: dict[str, Agent]

    @cached_property
    def bundle(self) -> Bundle:
        return Bundle(self.agents.values())

    @cached_property
    def envelopes(self) -> dict[str, Json]:
        return {name: encode(agent.envelope) for name, agent in self.agents.items()}

    def rows(self) -> list[Row]:
        found = (row_of(a.envelope, [self.own_binding(n)]) for n, a in self.agents.items())
        return [row for row in found if row is not None]

    def space(self, agent: str) -> str:
        return self.agents[agent].envelope.subject.service_account.partition("/")[0]

    def pod(self, agent: str) -> Json:
        """A pod of the agent, in order."""
        envelope = self.agents[agent].envelope
        made = pod(_like(self.agents[agent]))
        made["metadata"] |= {
            "name": f"{agent}-1",
            "namespace": self.space(agent),
            "labels": dict(envelope.subject.pod_labels),
        }
        made["spec"]["serviceAccountName"] = agent
        profile = made["spec"]["securityContext"]["seccompProfile"]
        profile["localhostProfile"] = f"policyc/{agent}.json"
        return made

    def deployment(self, agent: str, body: Json) -> Json:
        """A Deployment of the agent's workload's name with a pod's template."""
        labels = body["metadata"]["labels"]
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": agent, "namespace": self.space(agent)},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"every": "one"}},
                "template": {
                    "metadata": {"labels": {**labels, "every": "one"}},
                    "spec": copy.deepcopy(body["spec"]),
                },
            },
        }

    def own_binding(self, agent: str) -> Json:
        """What the build binds the agent with."""
        subject = {"kind": "ServiceAccount", "name": agent, "namespace": self.space(agent)}
        return {
            "apiVersion": f"{API}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"policyc-{agent}", "namespace": self.space(agent)},
            "roleRef": {"apiGroup": API, "kind": "Role", "name": f"policyc-{agent}"},
            "subjects": [subject],
        }


def _like(agent: Agent) -> str:
    return "research" if agent.stage == "enforce" else "digest"


def fleet(rng: random.Random, count: int) -> Fleet:
    """Agents of random namespaces and stages; the workload of each is a Deployment of its name."""
    made = {}
    for i in range(count):
        known = bundle().agents[rng.choice(("research", "research", "digest"))]
        name, space = f"bot-{i:03}", rng.choice(SPACES)
        subject = known.envelope.subject
        assert subject.workload is not None
        own = replace(
            subject,
            agent=name,
            service_account=f"{space}/{name}",
            pod_labels=(("app", name),),
            workload=replace(
                subject.workload, group="apps", kind="Deployment", namespace=space, name=name
            ),
        )
        made[name] = replace(known, envelope=replace(known.envelope, subject=own))
    return Fleet(made)
