"""A backstop of several policies on the real API server says what one would, and admission says.

So many agents that one policy cannot hold them, with a limit that makes a few dozens so many.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, cluster, request, view
from support.backstop import REASONS
from support.control_plane import ControlPlane
from support.fleet import API, fleet
from support.kube_paths import collection, path_of
from support.oracle import grants, pods
from support.oracle.world import World
from support.pod_faults import FAULTS
from support.widening import body, role

from policyc.admission.evaluate import evaluate
from policyc.denote.rbac import bound
from policyc.emit.backstop import FOLDER, STATIC, backstop
from policyc.emit.base import Artifact

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
AGENTS = 90
PART_BYTES = 1_000
CHOSEN = ("host-pid", "privileged", "seccomp-default", "root-container", "adds-raw", "host-path")
"""Faults that admission, the second evaluator and the backstop all know."""
FLEET = fleet(random.Random(20261101), AGENTS)
SPACES = sorted({FLEET.space(agent) for agent in FLEET.agents})


@dataclass(frozen=True, slots=True)
class Said:
    """The reasons that refuse, as the answer has them; ``warned`` those that do not."""

    is_refused: bool
    denied: frozenset[str]
    warned: frozenset[str]


def artifacts(part_bytes: int) -> list[Artifact]:
    made = backstop(FLEET.rows(), part_bytes)
    return [a for a in made if f"/{STATIC}/" not in a.path]


def agents_of(stem: str) -> list[list[str]]:
    """The agents of each policy of that name, in the order of the parts."""
    found: list[tuple[int, list[str]]] = []
    for artifact in artifacts(PART_BYTES):
        match = re.fullmatch(rf"{FOLDER}/admission-policy-{stem}(?:-(\d+))?\.yaml", artifact.path)
        if match:
            own = re.findall(r"'[\w-]+/(bot-\d+)': (?:\[|'s\d)", str(artifact.document))
            found.append((int(match[1] or 1), own))
    return [own for _, own in sorted(found)]


def some_of(stem: str) -> list[str]:
    """Agents of the first part, of one in the middle and of the last."""
    parts = agents_of(stem)
    return [parts[0][0], parts[len(parts) // 2][-1], parts[-1][-1]]


WATCHED = [a for stage in ("enforce", "audit") for a in some_of(stage)]


def drawn_pods() -> list[Json]:
    """Pods and Deployments of agents of several parts, also with what is another agent's."""
    rng = random.Random(20261102)
    made = []
    for serial in range(150):
        agent = rng.choice(WATCHED)
        other = rng.choice([a for a in WATCHED if FLEET.space(a) == FLEET.space(agent)])
        own = FLEET.pod(agent)
        for fault in rng.sample(CHOSEN, rng.choice((0, 0, 1, 2))):
            FAULTS[fault](own["spec"])
        match rng.randrange(5):
            case 0:
                own["metadata"]["labels"] = {"app": other}
            case 1:
                own["spec"]["serviceAccountName"] = rng.choice(("web", other))
            case 2:
                own["metadata"]["labels"] = {}
                own["spec"]["serviceAccountName"] = rng.choice(("web", agent))
        own["metadata"]["name"] = f"pod-{serial}"
        made.append(
            own if rng.random() < 0.6 else FLEET.deployment(rng.choice((agent, other)), own)
        )
    return made


def ref(kind: str, name: str) -> Json:
    return {"apiGroup": API, "kind": kind, "name": name}


def drawn_bindings() -> list[Json]:
    """Bindings of agents of several parts, and of groups that they are in."""
    rng = random.Random(20261103)
    watched = [a for stage in ("enforce", "audit") for a in some_of(f"access-{stage}")]
    made = []
    for serial in range(150):
        agent = rng.choice(watched)
        space = FLEET.space(agent)
        subject = rng.choice(
            (
                {"kind": "ServiceAccount", "name": agent, "namespace": space},
                {"kind": "ServiceAccount", "name": "web", "namespace": space},
                {"kind": "User", "apiGroup": API, "name": f"system:serviceaccount:{space}:{agent}"},
                {"kind": "Group", "apiGroup": API, "name": f"system:serviceaccounts:{space}"},
                {"kind": "Group", "apiGroup": API, "name": "system:authenticated"},
            )
        )
        one = FLEET.own_binding(agent)
        if rng.random() < 0.7:
            one["roleRef"] = ref("Role", rng.choice(("wide", f"policyc-{rng.choice(watched)}")))
        one["subjects"] = [subject]
        one["metadata"] = {"name": f"b-{serial}", "namespace": space}
        made.append(one)
    return made


ROLES = [
    role({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}, name="wide", namespace=space)
    for space in SPACES
]  # fmt: skip


def ask(plane: ControlPlane, made: Json) -> Said:
    answer = plane.admin.create(collection(made), made, dryRun="All")
    assert answer.status in (201, 403), answer.message
    known = r"\b([A-Z_]{3,}): "
    warned = {word for text in answer.warnings for word in re.findall(known, text)}
    denied = re.findall(known, answer.message) if answer.status == 403 else ()
    return Said(answer.status == 403, frozenset(denied), frozenset(warned))


def apply(plane: ControlPlane, made: Sequence[Artifact]) -> None:
    """Apply the policies and wait until the one that was read last is in force, and so all are."""
    for artifact in made:
        answer = plane.admin.apply(path_of(artifact.document), artifact.document)
        assert answer.status in (200, 201), answer.message
    canaries = [FLEET.pod(agents[0]) for s in ("enforce", "audit") for agents in agents_of(s)]
    for canary in canaries:
        canary["spec"]["hostPID"] = True
    canaries += [
        {**FLEET.own_binding(agents[0]), "roleRef": ref("Role", "wide")}
        for stage in ("enforce", "audit")
        for agents in agents_of(f"access-{stage}")
    ]

    def are_in_force() -> bool:
        return all(said.is_refused or said.warned for said in (ask(plane, c) for c in canaries))

    plane.api_server.wait_until(are_in_force, seconds=60)


def remove(plane: ControlPlane, made: Sequence[Artifact]) -> None:
    for artifact in made:
        assert plane.admin.delete(path_of(artifact.document)).status == 200
    canary = FLEET.pod(WATCHED[0])
    canary["spec"]["hostPID"] = True
    plane.api_server.wait_until(lambda: not ask(plane, canary).is_refused, seconds=60)


@pytest.fixture(scope="module")
def prepared(plane: ControlPlane) -> ControlPlane:
    for space in SPACES:
        plane.make_namespace(space)
    accounts = [body("ServiceAccount", name, space) for name in (*FLEET.agents, "web") for space in SPACES]  # fmt: skip
    runtime = body("RuntimeClass", "gvisor", "", "node.k8s.io/v1", handler="gvisor")
    for made in (*accounts, runtime, *ROLES):
        assert plane.admin.apply(path_of(made), made).status in (200, 201)
    return plane


@pytest.fixture(scope="module")
def cut(prepared: ControlPlane) -> list[Said]:
    """What several policies say of all that is drawn."""
    apply(prepared, artifacts(PART_BYTES))
    return [ask(prepared, one) for one in (*drawn_pods(), *drawn_bindings())]


@pytest.fixture(scope="module")
def whole(prepared: ControlPlane, cut: list[Said]) -> Iterator[list[Said]]:
    """What one policy of each kind and stage says, when the several are gone."""
    assert cut
    remove(prepared, artifacts(PART_BYTES))
    made = artifacts(1 << 20)
    apply(prepared, made)
    yield [ask(prepared, one) for one in (*drawn_pods(), *drawn_bindings())]
    remove(prepared, made)


def test_the_drawn_agents_are_cut_into_several() -> None:
    """Also within a namespace, and agents of one are in several parts."""
    for stem in ("enforce", "audit", "access-enforce", "access-audit"):
        parts = agents_of(stem)
        assert len(parts) >= 3, stem
        spaces = [{FLEET.space(agent) for agent in part} for part in parts]
        assert any(a & b for a, b in itertools.pairwise(spaces))
    assert len(artifacts(1 << 20)) == 8


def test_several_policies_say_what_one_says(cut: list[Said], whole: list[Said]) -> None:
    assert cut == whole
    assert len({said.is_refused for said in cut}) == 2


def test_pods(cut: list[Said]) -> None:
    """As admission and the second evaluator say, of whichever part the agent is."""
    at = view()
    outcomes = {True: 0, False: 0}
    for made, said in zip(drawn_pods(), cut, strict=False):
        found = evaluate(request(made), FLEET.bundle, at, SETTINGS, TODAY)
        denied = {f.reason for f in found.denials if f.agent} & {*REASONS, "SA_SHARED"}
        stages = faulty(made)
        assert said.is_refused == ("enforce" in stages), (made, said, stages)
        assert bool(said.warned) == ("audit" in stages), (made, said, stages)
        assert not said.is_refused or denied, (made, said, found.denials)
        assert said.is_refused or not denied - {"SA_SHARED"}, (made, said, found.denials)
        outcomes[said.is_refused] += 1
    assert min(outcomes.values()) > 20, outcomes


def faulty(made: Json) -> set[str]:
    """The stages of the agents with which something is wrong, by the second evaluator."""
    space = made["metadata"]["namespace"]
    agent, owner = pods.whose(made, space, FLEET.envelopes)
    concerned = [*pods.bearing(pods.template_of(made), space, FLEET.envelopes), owner]
    found = {e["metadata"]["name"] for e in concerned if e is not None and e is not agent}
    if agent is not None and pods.faults(made, space, {agent["metadata"]["name"]: agent}):
        found.add(agent["metadata"]["name"])
    return {FLEET.agents[name].stage for name in found}


def test_bindings(cut: list[Said]) -> None:
    """Whatever reaches an agent's account, and is not the build's own; all that widens is among it."""
    world = World((*cluster(), *ROLES), FLEET.envelopes)
    at = view(*ROLES)
    outcomes = {True: 0, False: 0}
    widened = 0
    for made, said in zip(drawn_bindings(), cut[len(drawn_pods()) :], strict=True):
        stages = {FLEET.agents[agent].stage for agent in reached(made)}
        assert said.is_refused == ("enforce" in stages), (made, said)
        assert bool(said.warned) == ("audit" in stages), (made, said)
        after = world.holding(
            made["kind"], made["metadata"]["namespace"], made["metadata"]["name"], made
        )
        wider = {f.agent for f in grants.widened(world, after)}
        verdict = evaluate(request(made), FLEET.bundle, at, SETTINGS, TODAY)
        is_wider = any(f.reason == "RBAC_WIDENS" for f in verdict.denials)
        assert is_wider == any(FLEET.agents[a].stage == "enforce" for a in wider)
        assert not is_wider or said.is_refused
        widened += is_wider
        outcomes[said.is_refused] += 1
    assert min(*outcomes.values(), widened) > 20, (outcomes, widened)


def reached(made: Json) -> set[str]:
    """The agents that a binding is not the build's own of."""
    space = made["metadata"]["namespace"]
    (key,) = bound(made["subjects"], space)
    if key == "" or key.endswith("/"):  # roles that everybody has in a fresh cluster are not drawn
        return {a for a in FLEET.agents if key in ("", FLEET.space(a) + "/")}
    agent = key.partition("/")[2]
    is_own = made["roleRef"] == FLEET.own_binding(agent)["roleRef"] if agent != "web" else True
    return set() if is_own else {agent}
