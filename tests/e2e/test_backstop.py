"""The backstop on the real API server answers as admission does, for the reasons that it has."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.admission import bundle, cluster, files, in_kind, judge, kind, pod, request
from support.backstop import REASONS
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.pod_faults import FAULTS

from policyc.emit.backstop import FOLDER
from policyc.emit.backstop import STATIC as STATIC_FORM
from policyc.kube.yaml import load

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
KINDS = (
    "Pod",
    "Pod",
    "Pod",
    "Deployment",
    "ReplicationController",
    "PodTemplate",
    "CronJob",
    "Job",
)
STATIC = sorted(
    path
    for path in files()
    if path.startswith(f"{FOLDER}/") and path.endswith(".yaml") and "/static/" not in path
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: what is ``sent``, what the server ``made`` of it, and what was stored before."""

    faults: tuple[str, ...]
    sent: Json
    made: Json
    old: Json = None


def body_of(rng: random.Random, agent: str, kind_name: str) -> tuple[tuple[str, ...], Json]:
    body = pod(agent)
    chosen = tuple(rng.sample(sorted(FAULTS), rng.choice((0, 1, 1, 1, 2, 3))))
    if kind_name == "Deployment" and rng.random() < 0.2:  # else only a pod's account says who it is
        chosen += ("account-other",)
    for name in chosen:
        FAULTS[name](body["spec"])
    made = in_kind(kind(kind_name), body)
    restarts = made
    for key in kind(kind_name).template:
        restarts = restarts[key]
    if kind_name in ("CronJob", "Job"):
        restarts["spec"]["restartPolicy"] = "Never"
    match kind_name:
        case "Deployment":
            made["spec"] |= {"replicas": 0, "selector": {"matchLabels": labels(restarts)}}
        case "ReplicationController":
            made["spec"] |= {"replicas": 0, "selector": labels(restarts)}
        case "CronJob":
            made["spec"]["schedule"] = "0 0 1 1 *"
    return chosen, made


def labels(template: Json) -> Json:
    return dict(template["metadata"]["labels"])


@pytest.fixture(scope="module")
def prepared(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The agents' namespace, accounts and runtime class, and no policy yet."""
    for body in cluster():
        if body["kind"] in ("Namespace", "ServiceAccount"):
            assert plane.admin.apply(path_of(body), body).status in (200, 201)
    for name in ("gvisor", "runc"):
        runtime = {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": name},
            "handler": name,
        }
        assert plane.admin.apply(path_of(runtime), runtime).status in (200, 201)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "admin", "namespace": "agents"},
    }
    assert plane.admin.apply(path_of(account), account).status in (200, 201)
    yield plane
    for path in STATIC:
        plane.admin.delete(path_of(load(files()[path])))


@pytest.fixture(scope="module")
def created(prepared: ControlPlane) -> list[Sample]:
    """Objects with faults, as the server would store them: made by dry runs."""
    rng = random.Random(20260901)
    found = []
    while len(found) < 300:
        agent = rng.choice(("research", "summary", "digest"))
        chosen, body = body_of(rng, agent, rng.choice(KINDS))
        answer = prepared.admin.create(collection(body), body, dryRun="All")
        if answer.status == 201:  # some pairs of faults are no pod at all
            found.append(Sample(chosen, body, answer.body))
    return found


@pytest.fixture(scope="module")
def updated(prepared: ControlPlane) -> list[Sample]:
    """Deployments that are stored with faults, and what they would become."""
    rng = random.Random(20260902)
    found = []
    for serial in range(60):
        agent = ("research", "summary")[serial % 2]
        _, old = body_of(rng, agent, "Deployment")
        chosen, new = body_of(rng, agent, "Deployment")
        if rng.random() < 0.4:
            new = copy.deepcopy(old)
            FAULTS[rng.choice(sorted(FAULTS))](new["spec"]["template"]["spec"])
        for body in (old, new):
            body["metadata"]["name"] = agent if serial < 2 else f"{agent}-{serial}"
        stored = prepared.admin.create(collection(old), old)
        if stored.status == 201:
            answer = prepared.admin.request("PUT", path_of(new), new, query={"dryRun": "All"})
            if answer.status == 200:
                found.append(Sample(chosen, new, answer.body, stored.body))
    return found


@pytest.fixture(scope="module")
def guarded(prepared: ControlPlane, created: Json, updated: Json) -> ControlPlane:
    """With the policies, and in force: a canary is refused."""
    for path in STATIC:
        body = load(files()[path])
        answer = prepared.admin.apply(path_of(body), body, fieldValidation="Strict")
        assert answer.status in (200, 201), answer.message
    for agent in ("research", "digest"):
        canary = pod(agent)
        canary["spec"]["hostPID"] = True

        def is_in_force(body: Json = canary) -> bool:
            answer = prepared.admin.create(collection(body), body, dryRun="All")
            return answer.status == 403 or any("HOST_PID" in w for w in answer.warnings)

        prepared.api_server.wait_until(is_in_force, seconds=60)
    return prepared


def expected(sample: Sample) -> tuple[str, set[str]]:
    """The stage and the reasons that admission gives, of those that the backstop knows."""
    operation = "CREATE" if sample.old is None else "UPDATE"
    verdict = judge(request(sample.made, operation, sample.old))
    level = {"enforce": verdict.denials, "audit": verdict.warnings}.get(verdict.stage, ())
    return verdict.stage, {f.reason for f in level} & REASONS


def test_what_is_emitted_has_a_policy_for_each_stage() -> None:
    stages = {agent.stage for agent in bundle().agents.values()}
    assert len(STATIC) == 4 * len(stages) == 8
    assert len(REASONS) > 15


def test_new_objects(guarded: ControlPlane, created: list[Sample]) -> None:
    reasons: set[str] = set()
    allowed = 0
    for sample in created:
        stage, wanted = expected(sample)
        answer = guarded.admin.create(collection(sample.sent), sample.sent, dryRun="All")
        said = {w for text in (*answer.warnings, answer.message) for w in known(text)}
        where = (sample.faults, sample.sent["kind"], stage, answer.message, answer.warnings)
        assert (answer.status == 403) == bool(wanted and stage == "enforce"), (wanted, where)
        assert said <= wanted if stage == "enforce" else said == wanted, (wanted, said, where)
        reasons |= wanted
        allowed += not wanted
    assert reasons >= REASONS - {"AMBIGUOUS_SA", "RUN_AS_USER"}, REASONS - reasons
    assert allowed > 20


def known(text: str) -> set[str]:
    return set(re.findall(r"\b([A-Z_]{3,}):", text)) & REASONS


def test_changed_objects(guarded: ControlPlane, updated: list[Sample]) -> None:
    """What was wrong before and stays is left to be repaired; what is new is refused."""
    outcomes: set[int] = set()
    for sample in updated:
        stage, wanted = expected(sample)
        answer = guarded.admin.request(
            "PUT", path_of(sample.sent), sample.sent, query={"dryRun": "All"}
        )
        where = (sample.faults, stage, answer.message)
        assert (answer.status == 403) == bool(wanted and stage == "enforce"), (wanted, where)
        outcomes.add(answer.status)
    assert outcomes == {200, 403}


def test_the_static_form_holds_without_any_object(tmp_path: Path) -> None:
    """Read from a folder (KEP-5793): nothing of it can be deleted through the API."""
    folder = tmp_path / "policies"
    folder.mkdir()
    for path, data in files().items():
        if path.startswith(f"{FOLDER}/{STATIC_FORM}/"):
            (folder / Path(path).name).write_bytes(data)
    flags = flags_for_policies_from(folder, tmp_path / "admission.json")
    with ControlPlane(tmp_path, controllers=False, api_server_flags=flags) as plane:
        for body in cluster():
            if body["kind"] in ("Namespace", "ServiceAccount"):
                plane.admin.apply(path_of(body), body)
        runtime = {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "gvisor"},
            "handler": "gvisor",
        }
        assert plane.admin.apply(path_of(runtime), runtime).status == 201
        good, bad = pod("research"), pod("research")
        bad["spec"]["hostPID"] = True
        refused = plane.admin.create(collection(bad), bad, dryRun="All")
        assert refused.status == 403, refused
        assert "HOST_PID" in refused.message
        assert plane.admin.create(collection(good), good, dryRun="All").status == 201
        policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
        assert plane.admin.get(policies).body["items"] == []


def flags_for_policies_from(folder: Path, configuration: Path) -> tuple[str, ...]:
    plugin = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyConfiguration",
        "staticManifestsDir": str(folder),
    }
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "ValidatingAdmissionPolicy", "configuration": plugin}],
    }
    configuration.write_text(json.dumps(document))
    return (
        "--feature-gates=ManifestBasedAdmissionControlConfig=true",
        f"--admission-control-config-file={configuration}",
    )
