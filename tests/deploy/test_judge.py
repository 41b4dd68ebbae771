"""Every way to weaken a webhook configuration is found, and the generated ones are clean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.webhooks import TARGET, configuration, entry, faults

from policyc.deploy.configurations import MOST_CHARACTERS, Target, TooMany
from policyc.deploy.judge import judge, requests
from policyc.deploy.reach import Reach
from policyc.deploy.scope import VALIDATING
from policyc.kube.workloads import WORKLOAD_KINDS

Json = Any  # a configuration to break
CLOSED = [e.name.partition(".")[0] for e in VALIDATING if e.fails_closed]


@pytest.mark.parametrize("kind", ["validating", "mutating"])
@pytest.mark.parametrize("target", [TARGET, Target((), ca_bundle="Q0E=")], ids=["agents", "none"])
def test_what_is_generated_is_clean(kind: str, target: Target) -> None:
    assert judge(configuration(kind, target), target, is_live=True) == []


def without(resource: str) -> Callable[[Json], None]:
    """No rule names the resource any more."""

    def change(body: Json) -> None:
        for one in body["webhooks"]:
            for rule in one["rules"]:
                rule["resources"] = [r for r in rule["resources"] if r != resource]

    return change


STARTING_PODS = [row.resource for row in WORKLOAD_KINDS]


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(resource, id=f"A17-{resource}")
        for resource in dict.fromkeys(
            [*STARTING_PODS, "pods/ephemeralcontainers", "pods/exec", "serviceaccounts/token"]
        )
    ],
)
def test_a_kind_that_is_left_out(resource: str) -> None:
    found = faults(without(resource))
    assert {f.code for f in found} == {"PC8102"}
    assert all(f"`{resource}" in f.message for f in found)


def test_every_rule_is_needed() -> None:
    """Each single (group, resource, operation) of the table is missed when no rule has it."""
    for row in VALIDATING:
        for request in requests(row, TARGET):
            body = configuration()
            for one in body["webhooks"]:
                one["rules"] = [
                    {**rule, "operations": [operation], "resources": [resource]}
                    for rule in one["rules"]
                    for operation in rule["operations"]
                    for resource in rule["resources"]
                    if (rule["apiGroups"], resource, operation)
                    != ([request.group], request.resource, request.operation)
                ]
            found = judge(body, TARGET, is_live=True)
            assert {f.code for f in found} == {"PC8102"}, request
            assert all(request.operation in f.message for f in found)


def test_all_resources_are_no_subresources() -> None:
    def change(body: Json) -> None:
        for rule in entry(body, "workloads")["rules"]:
            rule["resources"] = ["*"]

    (missed,) = [f.message for f in faults(change) if f.code == "PC8102"]
    names = "`pods/ephemeralcontainers`, `pods/resize`, `pods/status`"
    assert missed == f"UPDATE of {names} not sent to the webhook in `agents`, `mcp`"


def test_one_cause_is_one_fault() -> None:
    """However many resources and namespaces it concerns."""
    found = faults(set_in("workloads", "failurePolicy", "Ignore"))
    assert [(f.code, f.path) for f in found] == [("PC8103", "webhooks[0].failurePolicy")]
    (message,) = [f.message for f in found]
    assert message.startswith("CREATE and UPDATE of `pods`, ")
    assert message.endswith("not answer in `agents`, `mcp`")
    assert len(faults(lambda body: body["webhooks"].clear())) < 2 * len(VALIDATING)


def test_a_namespace_that_is_left_out_by_its_name() -> None:
    """Nobody would see agents in it that nobody registered."""
    left_out = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["agents", "mcp", "policyc-system", "team-x"],
    }
    found = faults(set_in("elsewhere", "namespaceSelector", {"matchExpressions": [left_out]}))
    assert {f.code for f in found} == {"PC8102"}
    assert all("in `team-x`" in f.message for f in found)


def set_in(name: str, field: str, value: Json) -> Callable[[Json], None]:
    def change(body: Json) -> None:
        entry(body, name)[field] = value

    return change


WEAKENED = {
    "H8": ("objectSelector", {"matchLabels": {"agent": "true"}}, "PC8104"),
    "J2-objectSelector": (
        "objectSelector",
        {"matchExpressions": [{"key": "skip", "operator": "DoesNotExist"}]},
        "PC8104",
    ),
    "J2-failurePolicy": ("failurePolicy", "Ignore", "PC8103"),
    "J2-rules": ("rules", [], "PC8102"),
    "J2-free-label": ("namespaceSelector", {"matchLabels": {"agents": "true"}}, "PC8105"),
    "J2-other-namespaces": (
        "namespaceSelector",
        {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}},
        "PC8102",
    ),
    "J2-not-these": (
        "namespaceSelector",
        {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": ["agents", "policyc-system", "team-x"],
                }
            ]
        },
        "PC8102",
    ),
    "J2-matchConditions": (
        "matchConditions",
        [{"name": "off", "expression": "false"}],
        "PC8109",
    ),
    "J2-user-exempt": (
        "matchConditions",
        [{"name": "me", "expression": "request.userInfo.username != 'me'"}],
        "PC8109",
    ),
    "J2-timeout-short": ("timeoutSeconds", 1, "PC8107"),
    "J2-timeout-long": ("timeoutSeconds", 30, "PC8107"),
    "J2-caBundle": (
        "clientConfig",
        {"service": {"name": "policyc", "namespace": "policyc-system"}},
        "PC8108",
    ),
    "J2-no-service": ("clientConfig", {"caBundle": "Q0E="}, "PC8108"),
    "J2-http": ("clientConfig", {"caBundle": "Q0E=", "url": "http://policyc"}, "PC8108"),
    "A16": ("matchPolicy", "Exact", "PC8106"),
    "B21-sideEffects": ("sideEffects", "Unknown", "PC8110"),
    "I2-versions": ("admissionReviewVersions", ["v1beta1"], "PC8110"),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("field, value, code", WEAKENED.values(), ids=WEAKENED)
def test_a_weakened_entry(name: str, field: str, value: Json, code: str) -> None:
    found = faults(set_in(name, field, value))
    # A selector takes nothing out of what has no namespace.
    is_harmless = name in ("grants", "networks") and (field, code) == (
        "namespaceSelector",
        "PC8102",
    )
    assert ({f.code for f in found} == set()) if is_harmless else code in {f.code for f in found}
    assert all(f.path.startswith("webhooks") and f.help for f in found)


@pytest.mark.parametrize("kind", ["pods", "nodes", "leases"])
def test_k4_an_entry_that_blocks_the_start_of_a_cluster(kind: str) -> None:
    def change(body: Json) -> None:
        body["webhooks"].append(
            {
                **entry(body, "connections"),
                "name": "wide.policyc.dev",
                "namespaceSelector": {},
                "rules": [
                    {
                        "apiGroups": ["*"],
                        "apiVersions": ["*"],
                        "operations": ["*"],
                        "resources": [kind],
                    }
                ],
            }
        )

    assert {f.code for f in faults(change)} == {"PC8111"}


def test_a_condition_of_another_entry_lets_requests_past() -> None:
    def change(body: Json) -> None:
        entry(body, "workloads")["matchConditions"] = entry(body, "bindings")["matchConditions"]

    assert {f.code for f in faults(change)} == {"PC8109"}


def test_a_mutation_that_is_not_repeated() -> None:
    found = faults(set_in("defaults", "reinvocationPolicy", "Never"), "mutating")
    assert [f.code for f in found] == ["PC8112"]


def test_an_authority_may_come_later_in_a_file_but_not_in_a_cluster() -> None:
    target = Target(TARGET.namespaces)
    body = configuration(target=target)
    assert judge(body, target, is_live=False) == []
    assert {f.code for f in judge(body, target, is_live=True)} == {"PC8108"}


def test_more_namespaces_than_an_expression_holds() -> None:
    """The longest names that fit make no expression that cel-go refuses, whatever reaches agents."""
    names = [f"team-{i:05d}-agents" for i in range(4000)]
    most = names[: MOST_CHARACTERS // len(f"'{names[0]}', ")]
    reach = Reach.of({f"n{i}/r" for i in range(2000)}, {f"l{i}" for i in range(2000)})
    body = configuration(target=Target(tuple(most), reach=reach))
    written = (c["expression"] for e in body["webhooks"] for c in e.get("matchConditions", ()))
    assert max(map(len, written)) < 100_000
    with pytest.raises(TooMany, match="4,000 namespaces"):
        Target(tuple(names))


@pytest.mark.parametrize("home, namespaces", [("a", ("a", "b")), ("a", ("kube-system",))])
def test_agents_may_not_stand_where_a_cluster_starts(
    home: str, namespaces: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="without a webhook"):
        Target(namespaces, home)
