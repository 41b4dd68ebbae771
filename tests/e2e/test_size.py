"""The largest match conditions on a real API server: what they cost lets nothing harmless be refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.widening import binding, group, user

from policyc.deploy.configurations import Target, validating
from policyc.deploy.reach import Reach

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
NAMESPACES = tuple(f"team-{i:05d}-agents" for i in range(3000))
SUBJECTS = 1000
REACH = Reach.of({f"shared-{i:04d}/reader" for i in range(900)}, {f"label-{i}" for i in range(900)})
FORMS = {
    "accounts": lambda i: {"kind": "ServiceAccount", "name": "a", "namespace": f"other-{i:05d}"},
    "own accounts": lambda i: {"kind": "ServiceAccount", "name": f"a{i}"},
    "users": lambda i: user(f"system:serviceaccount:other-{i:05d}:" + "a" * 60),
    "groups": lambda i: group(f"system:serviceaccounts:other-{i:05d}"),
    "people": lambda i: user(f"person-{i:05d}@" + "long-name." * 8 + "example"),
}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With the configuration and no webhook: what a condition does not let past is refused."""
    with ControlPlane(tmp_path_factory.mktemp("size"), controllers=False) as plane:
        plane.make_namespace("elsewhere")
        made = validating(Target(NAMESPACES, reach=REACH))
        answer = plane.admin.apply(path_of(made), made)
        assert answer.status == 201, answer.message
        reaching = binding(*subjects("accounts", NAMESPACES[-1]), role="ClusterRole/view", namespace="")  # fmt: skip
        plane.api_server.wait_until(lambda: dry(plane, reaching).status == 500)
        yield plane


def subjects(form: str, last: str = "") -> list[Json]:
    """A thousand; the last one is an account of this namespace."""
    found = [FORMS[form](i) for i in range(SUBJECTS)]
    return [*found[1:], {"kind": "ServiceAccount", "name": "a", "namespace": last}] if last else found  # fmt: skip


def dry(plane: ControlPlane, made: Json) -> Any:
    return plane.admin.create(collection(made), made, dryRun="All")


@pytest.mark.parametrize(
    ("form", "space"),
    [
        (form, space)
        for form in FORMS
        for space in ("", "elsewhere")
        # A binding of the whole cluster has no namespace of its own.
        if (form, space) != ("own accounts", "")
    ],
)
def test_a_thousand_subjects_and_three_thousand_namespaces(
    plane: ControlPlane, form: str, space: str
) -> None:
    harmless = binding(*subjects(form), role="ClusterRole/view", namespace=space)
    answer = dry(plane, harmless)
    assert answer.status == 201, answer.message
    reaching = binding(*subjects(form, NAMESPACES[-1]), role="ClusterRole/view", namespace=space)
    assert dry(plane, reaching).status == 500


def test_roles_and_labels_at_that_size(plane: ControlPlane) -> None:
    """Names by the compiler's form are held against every namespace, labels against every key."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []}
    for name, status in {
        "policyc-x.other": 201,
        f"policyc-x.{NAMESPACES[-1]}": 500,
        "cni": 201,
    }.items():
        made = {**role, "metadata": {"name": name}}
        answer = dry(plane, made)
        assert answer.status == status, (name, answer.message)
    labels = {f"other-{i}": "x" for i in range(1000)}
    space: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "labelled", "labels": labels}}  # fmt: skip
    answer = dry(plane, space)
    assert answer.status == 201, answer.message
    labels["label-899"] = "x"
    assert dry(plane, space).status == 500
