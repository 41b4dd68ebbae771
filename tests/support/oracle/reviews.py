"""The second evaluator: whether the request of an AdmissionReview is admitted, and if not why.

Written from the design of admission and from Kubernetes' documentation, over plain documents.
It is slow, and it knows only what the generated reviews hold (support/drawn/): the kinds,
fields and values that those draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from support.oracle import grants, network, objects
from support.oracle.pods import TEMPLATES
from support.oracle.workloads import config_maps, workloads
from support.oracle.world import Fault, Json, World, space_of

Judge = Callable[[Json, World], Iterator[Fault]]

NEVER_KEPT = frozenset(
    {
        "a namespace is reached",
        "another namespace",
        "disguise",
        "flows grow",
        "generated object",
        "grants grow",
        "home",
        "old ephemeral",
        "opt-out",
        "the network lets too much through",
        "token request",
        "unknown pod",
        "way in",
    }
)
"""Faults of the request and not of the object: no object is admitted for having had them."""


def denials(request: Json, world: World) -> set[Fault]:
    """Why a request is refused; empty when it is admitted.

    An update may leave what is wrong as it was, or nobody could repair it.  Of an agent that
    is not enforced everything is admitted.
    """
    found = faults(request, world)
    if request["operation"] == "UPDATE" and request["oldObject"]:
        kept = faults({**request, "object": request["oldObject"]}, world)
        found = {f for f in found if f.word in NEVER_KEPT or f not in kept}
    return {f for f in found if world.stage(f.agent) == "enforce"}


def faults(request: Json, world: World) -> set[Fault]:
    """Everything that is wrong with a request."""
    found = set(objects.home(request, world))
    kind = request["kind"]["kind"]
    for judge in BY_KIND.get(kind, ()):
        found |= set(judge(request, world))
    written = space_of(request["object"] or request["oldObject"] or {"metadata": {}})
    if written and request["namespace"] and written != request["namespace"]:
        agent = next((f.agent for f in found if f.agent), "") if kind in TEMPLATES else ""
        found.add(Fault(agent, "another namespace", "", written))
    return found


def _policies(request: Json, world: World) -> Iterator[Fault]:
    if not network.is_emptied(request, world):
        yield from network.policy_changes(
            world, request["namespace"], request["oldObject"], request["object"]
        )


def _grants(request: Json, world: World) -> Iterator[Fault]:
    body, old, kind = request["object"], request["oldObject"], request["kind"]["kind"]
    if body is not None:
        place = (kind, request["namespace"], body["metadata"]["name"])
        yield from grants.widened(world.holding(*place, old), world.holding(*place, body))


def _old_ephemeral(request: Json, world: World) -> Iterator[Fault]:
    """Before 1.22 the containers came without their pod: nobody can judge them, whoever asks."""
    somebody = {**request, "subResource": "exec", "userInfo": {"username": "", "groups": []}}
    for fault in objects.ways_in(somebody, world):
        yield fault._replace(word="old ephemeral")


BY_KIND: Mapping[str, tuple[Judge, ...]] = {
    **dict.fromkeys(TEMPLATES, (workloads,)),
    **dict.fromkeys((*grants.ROLES, *grants.BINDINGS), (objects.generated, _grants)),
    "NetworkPolicy": (objects.generated, _policies),
    "ServiceAccount": (objects.generated, objects.accounts),
    "ConfigMap": (config_maps,),
    "Namespace": (objects.namespaces,),
    "Service": (objects.services,),
    "EndpointSlice": (objects.endpoints,),
    "Endpoints": (objects.endpoints,),
    "Secret": (objects.secrets,),
    "TokenRequest": (objects.tokens,),
    "CiliumNetworkPolicy": (objects.foreign,),
    "EphemeralContainers": (_old_ephemeral,),
    **dict.fromkeys(
        """PodExecOptions PodAttachOptions PodPortForwardOptions PodProxyOptions ServiceProxyOptions
        NodeProxyOptions""".split(),
        (objects.ways_in,),
    ),
}
"""Kind -> what is judged of it; of all others nothing is."""
