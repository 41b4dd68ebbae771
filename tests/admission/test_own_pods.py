"""Who may end the webhook's pods: no request for that is asked about, so no agent may have the right."""

from __future__ import annotations

import pytest
from support.admission import SETTINGS, judge, pod, reasons, request, view
from support.cases.grants import rule
from support.widening import AGENT, binding, cluster_role, group, role

from policyc.admission.request import Request

HOME = SETTINGS.home
(OPERATOR,) = SETTINGS.operators
RIGHTS = {
    "delete": rule("delete", "pods"),
    "delete all": rule("deletecollection", "pods"),
    "evict": rule("create", "pods/eviction"),
    "end by its status": rule("patch", "pods/status"),
    "take its label": rule("patch", "pods"),
    "delete one by name": rule("delete", "pods", "", "policyc-0"),
    "scale away": rule("patch", "deployments/scale", "apps"),
}
"""In the webhook's namespace."""
ANYWHERE = {**RIGHTS, "end a node's by its status": rule("patch", "nodes/status")}
SUBJECTS = {"account": AGENT, "group": group("system:serviceaccounts:agents")}


def asked(made: object) -> Request:
    """By an operator, who may change what stands in the webhook's namespace."""
    return request(made, user=OPERATOR)


@pytest.mark.parametrize("who", SUBJECTS)
@pytest.mark.parametrize("right", RIGHTS)
def test_an_agent_is_given_no_right_to_end_them(right: str, who: str) -> None:
    given = role(RIGHTS[right], name="ends", namespace=HOME)
    bound = binding(SUBJECTS[who], role="Role/ends", namespace=HOME)
    assert reasons(judge(asked(bound), view(given))) == {"RBAC_WIDENS"}
    assert reasons(judge(request(pod()), view(given, bound))) == {"SA_EXCEEDS"}
    without = role(name="ends", namespace=HOME)
    assert reasons(judge(request(given, "UPDATE", without, user=OPERATOR), view(without, bound))) == {"RBAC_WIDENS"}  # fmt: skip


@pytest.mark.parametrize("right", ANYWHERE)
def test_nor_by_a_right_to_all_namespaces(right: str) -> None:
    given = cluster_role(ANYWHERE[right], name="ends")
    bound = binding(AGENT, role="ClusterRole/ends", namespace="")
    assert reasons(judge(asked(bound), view(given))) == {"RBAC_WIDENS"}
    assert reasons(judge(request(pod()), view(given, bound))) == {"SA_EXCEEDS"}
