"""What creation alone does not show: completion, warnings, ConfigMaps that change, our own objects."""

from __future__ import annotations

import copy

import pytest
from support.admission import Json, in_kind, kind, pod
from support.cases.lists import config_map, with_volume
from support.cases.pod_spec import spec
from support.cases.profiles import GOOD, KEYS, seccomp
from support.catalogue import case, of
from support.guarded import OPERATOR, Guarded, served
from support.kube_paths import path_of
from support.widening import binding, body, user

pytestmark = pytest.mark.e2e
__all__ = ["case"]

HOME = "policyc-system"


@of("C4")
def test_a_token_is_mounted_only_where_the_api_is_used(guarded: Guarded) -> None:
    made = pod("summary")
    del made["spec"]["automountServiceAccountToken"]
    answer = guarded.ask(made)
    assert answer.is_admitted, answer
    assert answer.body["spec"]["automountServiceAccountToken"] is False
    assert not answer.body["spec"].get("volumes")
    made["spec"]["automountServiceAccountToken"] = True
    assert guarded.ask(made).denied >= {"TOKEN_MOUNT"}
    made["spec"]["automountServiceAccountToken"] = "false"
    assert guarded.ask(made).is_invalid


@of("C24")
def test_credentials_for_registries(guarded: Guarded) -> None:
    answer = guarded.ask(spec({"imagePullSecrets": [{"name": "registry"}]}))
    assert answer.is_admitted and answer.warned == {"PULL_SECRET"}, answer


@of("C30")
def test_no_limits_are_given_some(guarded: Guarded) -> None:
    for resources in (None, {}, {"requests": {"memory": "64Mi"}}):
        made = pod()
        made["spec"]["containers"][0]["resources"] = resources
        answer = guarded.ask(made)
        assert answer.is_admitted and not answer.warned, answer
        limits = answer.body["spec"]["containers"][0]["resources"]["limits"]
        assert limits == {"memory": "64Mi" if resources else "1Gi"}


@of("C31")
def test_a_field_of_the_future(guarded: Guarded) -> None:
    """Nobody sees a field that the API server does not know; of a custom kind it keeps every one."""
    made = pod()
    made["spec"]["hostDevicesOfTomorrow"] = {"a": 1}
    assert guarded.ask(made, query={"fieldValidation": "Strict"}).is_invalid
    stored = guarded.ask(made, query={"fieldValidation": "Ignore"})
    assert stored.is_admitted and "hostDevicesOfTomorrow" not in stored.body["spec"]
    assert guarded.ask(in_kind(kind("Sandbox"), made)).denied == {"UNKNOWN_FIELD"}


@pytest.mark.parametrize("key", [pytest.param(key, id=f"D7-{key[:9]}") for key in KEYS])
def test_the_field_decides_and_the_annotation_is_named(guarded: Guarded, key: str) -> None:
    """Of the whole pod's annotation the API server itself says that the two must match."""
    answer = guarded.ask(seccomp(GOOD, **{key: "unconfined"}))
    if key.startswith("container"):
        assert answer.is_admitted and answer.warned == {"SECCOMP_ANNOTATION"}, answer
    else:
        assert answer.is_invalid, answer
    assert not guarded.ask(seccomp(GOOD, **{key: "localhost/policyc/research.json"})).warned


@of("D8")
def test_a_profile_that_is_absent_is_added(guarded: Guarded) -> None:
    answer = guarded.ask(seccomp())
    assert answer.is_admitted, answer
    assert answer.body["spec"]["securityContext"]["seccompProfile"] == GOOD


WITHIN, BEYOND = "tools: [web_search]", "tools: [web_search, shell_exec]"


def reader(name: str) -> Json:
    """A Deployment of the agent that reads a ConfigMap."""
    inner = with_volume({"configMap": {"name": name}})
    made = in_kind(kind("Deployment"), inner)
    made["metadata"]["name"] = f"research-{name}"
    made["spec"]["replicas"] = 0
    return served(made)


@of("E15")
def test_a_config_map_that_a_running_agent_reads(guarded: Guarded) -> None:
    """Not immutable, so the reader is of a time before the webhook."""
    known = config_map("e15", None, **{"tools.yaml": WITHIN})
    with guarded.holding(known, reader("e15")):
        wider = config_map("e15", None, **{"tools.yaml": BEYOND})
        guarded.denied(lambda: guarded.update(wider), "CM_WIDENS")
        assert guarded.update(config_map("e15", None, **{"tools.yaml": "tools: []"})).is_admitted


@of("E16")
def test_a_config_map_that_is_deleted_and_made_again(guarded: Guarded) -> None:
    pinned = config_map("e16", **{"tools.yaml": WITHIN})
    with guarded.holding(pinned, judged=True):
        ask = lambda: guarded.ask(reader("e16"))  # noqa: E731  # asked again and again
        guarded.eventually(ask, lambda answer: answer.is_admitted)
    guarded.denied(ask, "INDIRECT")
    with guarded.holding(config_map("e16", **{"tools.yaml": BEYOND}), judged=True):
        guarded.denied(ask, "TOOL")
    with guarded.holding(pinned, judged=True):
        guarded.eventually(ask, lambda answer: answer.is_admitted)
        with guarded.holding(reader("e16"), judged=True):
            guarded.remove([pinned])
            wider = config_map("e16", **{"tools.yaml": BEYOND})
            guarded.denied(lambda: guarded.ask(wider), "CM_WIDENS")
            guarded.store([pinned])


OURS = {
    "J3-deployment": body("Deployment", "policyc", HOME, "apps/v1", spec={"replicas": 0}),
    "J3-bundle": body("ConfigMap", "bundle", HOME, data={}),
    "J3-tls": body("Secret", "tls", HOME, data={}),
    "J3-account": body("ServiceAccount", "policyc", HOME),
}


@pytest.fixture(scope="module")
def at_home(guarded: Guarded) -> Guarded:
    labels = {"app": "policyc"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "w", "image": "x"}]}}  # fmt: skip
    known = copy.deepcopy(OURS)
    known["J3-deployment"]["spec"] |= {"selector": {"matchLabels": labels}, "template": template}
    with guarded.unguarded():
        guarded.store(known.values())
    return guarded


@pytest.mark.parametrize("made", [pytest.param(made, id=i) for i, made in OURS.items()])
def test_what_is_ours_is_changed_by_operators_only(at_home: Guarded, made: Json) -> None:
    change = {"metadata": {"annotations": {"example.com/a": "b"}}}
    operator = at_home.as_user(OPERATOR)
    assert at_home.patch(made, change).denied == {"HOME_PROTECTED"}
    assert at_home.delete(made).denied == {"HOME_PROTECTED"}
    assert at_home.patch(made, change, client=operator).is_admitted
    assert at_home.delete(made, operator).is_admitted


@of("J3-scale")
def test_nobody_else_scales_it_down(at_home: Guarded) -> None:
    change = {"spec": {"replicas": 0}}
    deployment = OURS["J3-deployment"]
    assert at_home.patch(deployment, change, subresource="scale").denied == {"HOME_PROTECTED"}
    bound = binding(user("eve"), role="ClusterRole/view", namespace=HOME)
    assert at_home.ask(bound).denied == {"HOME_PROTECTED"}
    assert at_home.plane.admin.get(path_of(deployment)).status == 200
