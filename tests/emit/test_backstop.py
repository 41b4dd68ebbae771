"""The backstop's documents: complete, explained, within the API server's limits."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from support.admission import bundle, files

from policyc.cli.main import Exit, main
from policyc.emit.backstop import FOLDER, STATIC, Row, backstop, beyond, row_of
from policyc.emit.backstop.checks import CHECKS
from policyc.emit.backstop.limits import EXPRESSION_CHARACTERS
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.kube.yaml import load
from policyc.pipeline.cluster import cluster_files

ROWS = [r for a in bundle().agents.values() if (r := row_of(a.envelope)) is not None]


def test_both_forms_say_the_same() -> None:
    made = {a.path: a.document for a in backstop(ROWS)}
    static = {p: d for p, d in made.items() if f"/{STATIC}/" in p}
    assert len(static) * 2 == len(made) == 16
    for path, document in static.items():
        plain = made[path.replace(f"/{STATIC}/", "/")]
        assert str(document).replace(".static.k8s.io", "") == str(plain)
        name = document["metadata"]["name"]  # type: ignore[index,call-overload]  # an object
        assert str(name).endswith(".static.k8s.io")


def test_the_order_of_agents_does_not_matter() -> None:
    assert backstop(ROWS) == backstop(ROWS[::-1])
    assert backstop([]) == ()


@pytest.mark.parametrize("artifact", backstop(ROWS), ids=lambda a: a.path)
def test_the_published_schema_takes_it(artifact: object) -> None:
    document = artifact.document  # type: ignore[attr-defined]  # an artifact
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_every_kind_that_starts_pods_is_matched() -> None:
    (policy,) = [
        a.document for a in backstop(ROWS) if a.path == f"{FOLDER}/admission-policy-audit.yaml"
    ]
    rules = policy["spec"]["matchConstraints"]["resourceRules"]  # type: ignore[index,call-overload]
    matched = {(r["apiGroups"][0], name) for r in rules for name in r["resources"]}
    assert matched >= {(row.group, row.resource) for row in WORKLOAD_KINDS}


def test_ten_thousand_agents_fit() -> None:
    """cel-go takes 100,000 characters an expression, etcd 1.5 MiB an object."""
    many = [
        replace(
            ROWS[0],
            account=f"agents/a{i}",
            workload=f"apps/Deployment/agents/a{i}",
            roles=(f"RoleBinding/agents/policyc-a{i}.agents",),
        )
        for i in range(10_000)
    ]
    for artifact in backstop(many):
        spec = artifact.document["spec"]  # type: ignore[index,call-overload]  # an object
        expressions = [v["expression"] for v in spec.get("variables", ())]
        assert all(len(e) < 100_000 for e in expressions)
        assert len(str(artifact.document)) < 1.5 * 2**20
        named = set(re.findall(r"'agents/a\d+'", "".join(expressions)))
        assert not expressions or len(named) == 10_000


def test_texts_cannot_end_their_literal() -> None:
    evil = Row("a/b", "w", "x' + y\\\n", "enforce", "a", (), ROWS[0].shape)
    (policy,) = [a for a in backstop([evil]) if a.path == f"{FOLDER}/admission-policy-enforce.yaml"]
    first = policy.document["spec"]["variables"][0]["expression"]  # type: ignore[index,call-overload]
    assert first == r"{'a/b': ['x\' + y\\\U0000000a', 'enforce', 's0']}"


def test_every_line_of_a_policy_is_explained(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, data in files().items():
        if path.startswith(FOLDER):
            target = tmp_path / path  # type: ignore[operator]  # a path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    name = "admission-policy-enforce.yaml"
    for folder in (FOLDER, f"{FOLDER}/{STATIC}"):
        assert main(["why", f"{tmp_path}/{folder}/{name}#/spec/validations"]) == Exit.CLEAN
        said = capsys.readouterr().out
        assert all(check.says in said for check in CHECKS)


def test_long_rows_make_more_tables() -> None:
    """An agent may be bound in many namespaces; names of both have up to 253 characters."""
    roles = tuple(f"RoleBinding/{'n' * 60}{i}/policyc-{'a' * 200}" for i in range(100))
    many = [replace(ROWS[0], account=f"agents/a{i}", roles=roles) for i in range(40)]
    found = [
        a.document
        for a in backstop(many)
        if a.path.startswith(f"{FOLDER}/admission-policy-access-{many[0].stage}")
    ]
    expressions = [v["expression"] for d in found for v in d["spec"]["variables"]]  # type: ignore[index,call-overload]
    assert all(len(e) < 100_000 for e in expressions)
    assert len(set(re.findall(r"'agents/a\d+'", "".join(expressions)))) == 40


def test_an_agents_bindings_are_in_its_row() -> None:
    """Those that are emitted, and no other: admission would let them pass."""
    table = load(files()[f"{FOLDER}/admission-policy-access-enforce.yaml"])["spec"]["variables"][0]
    bindings = [
        load(data)
        for path, data in files().items()
        if "binding" in path and not path.startswith(FOLDER)
    ]
    assert bindings
    for body in bindings:
        space = body["metadata"].get("namespace", "")
        assert f"'{body['kind']}/{space}/{body['roleRef']['name']}'" in table["expression"]


def realistic(count: int, spaces: int, roles: int) -> list[Row]:
    """Agents with names as long as they are in large clusters."""
    made = []
    for i in range(count):
        space, agent = f"team-{i % spaces:05}-agents", f"assistant-{i:05}"
        bound = [f"RoleBinding/{space}/policyc-{agent}.{space}-{j}" for j in range(roles)]
        made.append(
            replace(
                ROWS[0],
                account=f"{space}/{agent}",
                workload=f"apps/Deployment/{space}/{agent}",
                agent=agent,
                namespace=space,
                labels=(f"policyc.dev/agent={agent}", f"app.kubernetes.io/name={'n' * 200}"),
                roles=tuple(bound),
            )
        )
    return made


@pytest.mark.parametrize(("count", "spaces"), [(1_000, 10), (3_000, 3_000)])
def test_expressions_are_cut_whatever_names_are_long(count: int, spaces: int) -> None:
    rows = realistic(count, spaces, 2)
    for artifact in backstop(rows):
        variables = artifact.document["spec"].get("variables", ())  # type: ignore[index,call-overload]  # an object
        assert all(len(v["expression"]) < EXPRESSION_CHARACTERS for v in variables)
        text = "".join(v["expression"] for v in variables)
        if "access" in artifact.path and variables:
            assert len(set(re.findall(r"'(team-\d+-agents/)'", text))) == spaces


def test_bindings_of_very_many_agents_are_held_by_several_policies() -> None:
    rows = realistic(4_000, 4_000, 3)
    made = {a.path: a for a in backstop(rows)}
    paths = sorted(p for p in made if p.startswith(f"{FOLDER}/admission-policy-access-"))
    stem = f"{FOLDER}/admission-policy-access-{ROWS[0].stage}"
    assert paths == [f"{stem}-2.yaml", f"{stem}.yaml"]
    held = []
    for path in paths:
        assert not [*beyond(made[path])]
        document: Any = made[path].document
        binding: Any = made[path.replace("policy-access", "policy-binding-access")].document
        assert binding["spec"]["policyName"] == document["metadata"]["name"]
        text = "".join(v["expression"] for v in document["spec"]["variables"])
        held += re.findall(r"'(team-\d+-agents/assistant-\d+)': ", text)
    assert sorted(held) == sorted(row.account for row in rows)


def test_what_no_api_server_takes_is_said() -> None:
    assert cluster_files(realistic(1_000, 10, 1)).diagnostics == []
    found = cluster_files(realistic(4_000, 10, 1)).diagnostics
    path = f"{FOLDER}/admission-policy-{ROWS[0].stage}.yaml"
    assert [(d.code, d.path, "etcd" in d.message) for d in found] == [("PC6401", path, True)]
    (one,) = realistic(1, 1, 3_000)
    (said,) = cluster_files([one]).diagnostics
    assert (said.code, "`accounts0`" in said.message) == ("PC6401", True)
