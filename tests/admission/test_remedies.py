"""What a finding says to do: the object first, the policy where a permission is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.admission import judge, pod, reasons, request, view
from support.cases.lists import GROUP_E, with_env
from support.cases.networks import POLICIES
from support.cases.row import Row, each
from support.widening import AGENT, SECRETS, binding, role

from policyc.admission.reasons import REASONS
from policyc.admission.remedies import REMEDIES
from policyc.admission.verdict import Verdict

Json = Any  # documents of the API
PERMITTED = {"CAPABILITY", "CLOUD_ROLE", "COMMAND", "EGRESS", "ENDPOINTS", "EXTERNALNAME", "IMAGE", "MODEL", "NP_WIDENS", "PROXY", "RBAC_WIDENS", "TOOL"}  # fmt: skip
"""Reasons of objects that ask for a permission which a policy could give."""


def test_every_reason_has_a_remedy_in_the_object() -> None:
    assert REMEDIES.keys() == REASONS.keys()
    assert not [word for word, text in REMEDIES.items() if "`allow` line" in text or not text]


def advised(verdict: Verdict) -> None:
    for finding in verdict.findings:
        before, _, after = finding.change.partition("to permit it takes an `allow` line")
        assert before, finding
        assert not after or finding.reason in PERMITTED, finding


@each((*GROUP_E, *POLICIES))
def test_the_object_comes_before_the_policy(asked: Row) -> None:
    advised(judge(request(asked.made), view(*asked.there)))


def changed(**spec: Json) -> Json:
    body = pod("summary")
    body["spec"] |= spec
    return body


def imaged(written: Json) -> Json:
    body = pod()
    body["spec"]["containers"][0]["image"] = written
    return body


@pytest.mark.parametrize(
    ("make", "reason", "change"),
    [
        (lambda: changed(automountServiceAccountToken=True), "TOKEN_MOUNT", "write `automountServiceAccountToken: false` into the pod's spec"),
        (lambda: imaged("registry.example.com/agents/research:1.4"), "IMAGE_DIGEST", "name the image as `repository@sha256:...`"),
        (lambda: imaged(None), "IMAGE", "name one; of a patch, judge what `kubectl kustomize` makes of it"),
        (lambda: with_env(MCP_SERVER_URL="http://web.mcp:8080/mcp"), "ALL_TOOLS", REMEDIES["ALL_TOOLS"]),
        (lambda: with_env(AGENT_TOOLS="*"), "WILDCARD", "name one by one what is meant"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isupper() else "",
)  # fmt: skip
def test_what_is_wrong_in_the_object_widens_no_policy(
    make: Callable[[], Json], reason: str, change: str
) -> None:
    verdict = judge(request(make()))
    assert {f.change for f in verdict.findings if f.reason == reason} == {change}


def test_what_the_cluster_grants_too_much_names_the_binding() -> None:
    there = (role(SECRETS, name="rb"), binding(AGENT, role="Role/rb", name="rb"))  # fmt: skip
    verdict = judge(request(pod()), view(*there))
    (finding,) = [f for f in verdict.denials if f.reason == "SA_EXCEEDS"]
    assert (
        finding.change == "take the account out of RoleBinding agents/rb, or narrow what it binds"
    )
    (asked,) = judge(request(there[1]), view(there[0])).denials
    assert asked.change.startswith("leave the agent's account or the rule out; to permit it takes")
    assert reasons(judge(request(pod()), view())) == set()
