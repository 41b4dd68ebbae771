"""Group J, as far as admission sees it: the webhook's own objects, and a bundle of nothing."""

from __future__ import annotations

import pytest
from support.admission import (
    SETTINGS,
    TODAY,
    USER,
    Json,
    files,
    judge,
    pod,
    reasons,
    request,
    view,
)
from support.widening import binding, body, user

from policyc.admission.bundle import Bundle, assemble, read_bundle
from policyc.admission.evaluate import evaluate

HOME = SETTINGS.home
OWN = [
    pytest.param(body("Deployment", "policyc", HOME, "apps/v1", spec={"replicas": 0}), id="J3-deployment"),
    pytest.param(body("Scale", "policyc", HOME, "autoscaling/v1", spec={"replicas": 0}), id="J3-scale"),
    pytest.param(body("ConfigMap", "bundle", HOME, data={}), id="J3-bundle"),
    pytest.param(body("Secret", "tls", HOME, data={}), id="J3-tls"),
    pytest.param(body("ServiceAccount", "policyc", HOME), id="J3-account"),
    pytest.param(binding(user("eve"), namespace=HOME), id="J3-binding"),
    pytest.param(body("Pod", "policyc-1", HOME, spec={}), id="J3-pod"),
    pytest.param(body("Namespace", HOME), id="J3-namespace"),
]  # fmt: skip


@pytest.mark.parametrize("made", OWN)
def test_operators_change_what_is_ours(made: Json) -> None:
    (operator,) = SETTINGS.operators
    for asked in ((made, "CREATE", None), (made, "UPDATE", made), (None, "DELETE", made)):
        assert "HOME_PROTECTED" in reasons(judge(request(*asked)))
        assert judge(request(*asked, user=operator)).allowed
        elsewhere = {**made, "metadata": {"name": "x", "namespace": "default"}}
        there = tuple(elsewhere if part is made else part for part in asked)
        assert "HOME_PROTECTED" not in reasons(judge(request(*there)))


@pytest.mark.parametrize(
    ("name", "groups", "is_ours"),
    [
        pytest.param("system:serviceaccount:kube-system:replicaset-controller", (), True, id="J3-controller"),
        pytest.param("system:node:node-1", ("system:nodes",), True, id="J3-kubelet"),
        pytest.param("system:node:node-1", (), False, id="J3-no-kubelet"),
        pytest.param("system:serviceaccount:kube-system:default", (), False, id="J3-other-account"),
        pytest.param("system:serviceaccount:agents:replicaset-controller", (), False, id="J3-same-name"),
        pytest.param("admin", ("system:masters",), False, id="J3-admin"),
    ],
)  # fmt: skip
def test_the_cluster_goes_on_working(name: str, groups: tuple[str, ...], is_ours: bool) -> None:
    made = body("Pod", "policyc-1", HOME, spec={})
    asked = request(made, "UPDATE", made, user=name, groups=groups)
    assert judge(asked).allowed is is_ours


@pytest.mark.parametrize("case", ["J3-connect"])
def test_nobody_looks_inside(case: str) -> None:
    made = body("PodExecOptions", "policyc-1", HOME)
    asked = request(made, "CONNECT", resource="pods", subresource="exec", user=USER)
    assert reasons(judge(asked)) >= {"HOME_PROTECTED"}


@pytest.mark.parametrize("verb", [pytest.param(v, id=f"J3-nodes-{v}") for v in ("exec", "run", "attach", "portForward")])  # fmt: skip
def test_nor_by_the_kubelets_own_paths(verb: str) -> None:
    (operator,) = SETTINGS.operators
    for space, name, expected in (
        (HOME, USER, {"HOME_PROTECTED"}),
        (HOME, operator, set()),
        ("default", USER, set()),
    ):
        made = {"apiVersion": "v1", "kind": "NodeProxyOptions", "path": f"/{verb}/{space}/policyc-1/webhook"}  # fmt: skip
        asked = request(made, "CONNECT", resource="nodes", subresource="proxy", user=name)
        assert reasons(judge(asked)) == expected, (space, name)


@pytest.mark.parametrize("case", ["J7"])
def test_a_bundle_of_nothing(case: str) -> None:
    none = {path: data for path, data in files().items() if not path.endswith("envelope.json")}
    with pytest.raises(ValueError, match="it is missing"):
        read_bundle(none)
    with pytest.raises(ValueError, match="no envelope"):
        assemble([], {}, "", 0)
    claiming = evaluate(request(pod()), Bundle([]), view(), SETTINGS, TODAY)
    assert reasons(claiming) == {"CLASS_MISMATCH"}
    plain = body("Pod", "web-1", "agents", spec={"containers": [{"name": "web"}]})
    assert evaluate(request(plain), Bundle([]), view(), SETTINGS, TODAY).findings == ()
