"""Whoever is refused and asks for more is still refused, whatever the kind of the object."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, bundle
from support.drawn_reviews import a_review
from support.oracle.pods import TEMPLATES, template_of
from support.scale import MANY
from support.widening import AGENT, SECRETS

from policyc.admission.evaluate import evaluate
from policyc.admission.review import API_VERSION, read_review
from policyc.admission.view import View

Json = Any  # objects that are built and changed
More = Callable[[Json], object]
OURS = replace(SETTINGS, break_glass=frozenset({"oncall"}))


def container(body: Json) -> Json:
    return template_of(body)["spec"]["containers"][0]


def added(owner: Json, name: str, item: Json) -> None:
    owner[name] = [*(owner.get(name) or []), copy.deepcopy(item)]


def tool(body: Json) -> None:
    names = [v["name"] for v in container(body).get("env") or []]
    if "AGENT_TOOLS" in names:
        variable = container(body)["env"][names.index("AGENT_TOOLS")]
        if "value" in variable:
            variable["value"] += ",read_file"
    else:
        added(container(body), "env", {"name": "AGENT_TOOLS", "value": "read_file"})


def capability(body: Json) -> None:
    context = container(body).setdefault("securityContext", {})
    context["capabilities"] = {**(context.get("capabilities") or {})}
    added(context["capabilities"], "add", "NET_BIND_SERVICE")


def more_tools(body: Json) -> None:
    body["data"] = {key: f"{text},shell_exec" for key, text in body["data"].items()}


OF_PODS: tuple[More, ...] = (
    tool,
    capability,
    lambda b: added(container(b), "env", {"name": "EXTRA", "value": "https://api.example.com/"}),
    lambda b: added(template_of(b)["spec"], "volumes", {"name": "more", "emptyDir": {}}),
    lambda b: added(
        template_of(b)["spec"],
        "initContainers",
        {"name": "more", "image": container(b)["image"], "securityContext": {}},
    ),
)
MORE: dict[str, tuple[More, ...]] = {
    **dict.fromkeys(TEMPLATES, OF_PODS),
    "Role": (lambda b: added(b, "rules", SECRETS),),
    "ClusterRole": (lambda b: added(b, "rules", SECRETS),),
    "RoleBinding": (lambda b: added(b, "subjects", AGENT),),
    "ClusterRoleBinding": (lambda b: added(b, "subjects", AGENT),),
    "NetworkPolicy": (
        lambda b: added(b["spec"], "egress", {}),
        lambda b: added(b["spec"], "ingress", {"ports": [{"port": 1}]}),
    ),
    "Service": (lambda b: added(b["spec"], "externalIPs", "10.9.9.9"),),
    "EndpointSlice": (lambda b: added(b, "endpoints", {"addresses": ["10.9.9.9"]}),),
    "ConfigMap": (more_tools,),
    "CiliumNetworkPolicy": (lambda b: added(b["spec"], "egress", {"toEntities": ["all"]}),),
}
"""Kind -> what its objects can ask for beside what they ask for."""


@pytest.mark.parametrize("chunk", range(3))
def test_more_never_helps(chunk: int) -> None:
    refused: Counter[str] = Counter()
    for seed in range(chunk * MANY, (chunk + 1) * MANY):
        rng = random.Random(seed)
        request, world = a_review(rng)
        kind = request["kind"]["kind"]
        if kind not in MORE or request["object"] is None:
            continue
        view = View.of(world.objects)
        if is_admitted(request, view):
            continue
        wider = copy.deepcopy(request)
        rng.choice(MORE[kind])(wider["object"])
        assert not is_admitted(wider, view), (seed, kind)
        refused[kind] += 1
    assert len(refused) > len(MORE) // 2
    assert refused.total() > MANY // 10


def is_admitted(request: Json, view: View) -> bool:
    document = {"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request}
    return evaluate(read_review(document), bundle(), view, OURS, TODAY).allowed
