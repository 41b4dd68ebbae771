"""The backstop's documents: complete, explained, within the API server's limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import bundle, files

from policyc.cli.main import Exit, main
from policyc.core.canonical import canonical_json
from policyc.emit.backstop import FOLDER, STATIC, Row, backstop, beyond, row_of
from policyc.emit.backstop.checks import CHECKS
from policyc.emit.backstop.limits import EXPRESSION_CHARACTERS
from policyc.emit.backstop.parts import parts
from policyc.emit.base import Artifact
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.kube.yaml import load
from policyc.pipeline.cluster import cluster_files

ROWS = [r for a in bundle().agents.values() if (r := row_of(a.envelope)) is not None]

LAST_APPLIED_BYTES = 256 << 10
"""Of all annotations of an object: `kubectl apply` keeps a copy of it in one of them."""


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


def test_texts_cannot_end_their_literal() -> None:
    evil = Row("a/b", "w", "x' + y\\\n", "enforce", "a", (), ROWS[0].shape)
    (policy,) = [a for a in backstop([evil]) if a.path == f"{FOLDER}/admission-policy-enforce.yaml"]
    first = policy.document["spec"]["variables"][0]["expression"]  # type: ignore[index,call-overload]
    assert first == r"{'a/b': 's0|+^registry.example.com/agents/|x\' + y\\\U0000000a'}"


@pytest.mark.parametrize("written", ["a b", "a|b", "a\tb", "\u00e4", ""])
def test_patterns_that_match_no_image_are_left_out(written: str) -> None:
    """They would be read as two, or as another part of the row."""
    shape = dict(ROWS[0].shape) | {
        "images": (f"+={written}", "+=registry.example.com/x", f"-^{written}|")
    }
    (policy,) = [
        a.document
        for a in backstop([replace(ROWS[0], shape=tuple(sorted(shape.items())))])
        if a.path == f"{FOLDER}/admission-policy-{ROWS[0].stage}.yaml"
    ]
    row = policy["spec"]["variables"][0]["expression"]  # type: ignore[index,call-overload]
    kept = "+= +=registry.example.com/x" if not written else "+=registry.example.com/x"
    assert f"'s0|{kept}|{ROWS[0].agent}'" in row


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
    """Agents with names as long as they are in large clusters, and an image each."""
    made = []
    for i in range(count):
        space, agent = f"team-{i % spaces:05}-agents", f"assistant-{i:05}"
        bound = [f"RoleBinding/{space}/policyc-{agent}.{space}-{j}" for j in range(roles)]
        shape = dict(ROWS[0].shape) | {"images": (f"+^registry.example.com/{space}/{agent}@",)}
        made.append(
            replace(
                ROWS[0],
                account=f"{space}/{agent}",
                workload=f"apps/Deployment/{space}/{agent}",
                agent=agent,
                namespace=space,
                labels=(f"policyc.dev/agent={agent}", f"app.kubernetes.io/name={'n' * 30}"),
                shape=tuple(sorted(shape.items())),
                roles=tuple(bound),
            )
        )
    return made


def policies(made: Iterable[Artifact], about: str) -> dict[str, Any]:
    """Name -> document of the policies about pods (empty) or bindings (``access-``)."""
    stem = f"{FOLDER}/admission-policy-{about}{ROWS[0].stage}"
    found: list[Any] = [a.document for a in made if a.path.startswith(stem)]
    return {document["metadata"]["name"]: document for document in found}


def held(documents: Iterable[Any], table: str, pattern: str) -> list[str]:
    """What tables of that name hold."""
    variables = [v for document in documents for v in document["spec"]["variables"]]
    text = "".join(v["expression"] for v in variables if re.fullmatch(rf"{table}\d+", v["name"]))
    return re.findall(pattern, text)


@pytest.mark.parametrize("spaces", [1, 10, 10_000])
def test_ten_thousand_agents_are_held_by_several_policies(spaces: int) -> None:
    """Each agent by one of each kind, none of which is too long to be applied, or for a table."""
    rows = realistic(10_000, spaces, 2)
    made = backstop(rows)
    bindings: dict[str, Any] = {a.path: a.document for a in made if "binding-" in a.path}
    stage = ROWS[0].stage
    for about, table in (("", "agents"), ("access-", "accounts")):
        found = policies(made, about)
        assert len(found) > 4
        names = {f"policyc-{about}{stage}", *(f"policyc-{about}{stage}-{i + 2}" for i in range(len(found) - 1))}  # fmt: skip
        assert found.keys() == names
        for name, document in found.items():
            assert [*beyond(Artifact("", document, ()))] == []
            assert len(canonical_json(document)) < LAST_APPLIED_BYTES
            variables = document["spec"]["variables"]
            assert all(len(v["expression"]) < EXPRESSION_CHARACTERS for v in variables)
            binding = bindings[
                f"{FOLDER}/admission-policy-binding-{name.removeprefix('policyc-')}.yaml"
            ]
            assert binding["spec"]["policyName"] == name
        accounts = held(found.values(), table, r"'(team-\d+-agents/assistant-\d+)': ")
        assert sorted(accounts) == sorted(row.account for row in rows)
    for document in policies(made, "").values():
        (chosen,) = document["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
        own = held([document], "agents", r"'(team-\d+-agents)/assistant-\d+': ")
        assert chosen["values"] == sorted({*own})
        for table, pattern in (
            ("workloads", r": '(team-\d+-agents)/"),
            ("labels", r"[\[ ]'(team-\d+-agents)/"),
        ):
            assert sorted(held([document], table, pattern)) == sorted(own)
        shapes = {*held([document], "agents", r": '(s\d+)\|")}
        assert shapes == {*held([document], "shapes", r"'(s\d+)': \{")}
        images = held([document], "agents", r"\|\+\^registry[.]example[.]com/(team-\d+-agents)/")
        assert sorted(images) == sorted(own)
    for document in policies(made, "access-").values():
        own = held([document], "accounts", r"'(team-\d+-agents/)assistant-\d+': ")
        assert {*held([document], "spaces", r"'(team-\d+-agents/)': true")} == {*own}


def test_few_agents_are_held_by_one_policy() -> None:
    made = backstop(realistic(100, 100, 2))
    assert [len(policies(made, about)) for about in ("", "access-")] == [1, 1]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 300)), max_size=30), st.integers(1, 900)
)
def test_every_cut_is_as_long_as_it_may_be(drawn: list[tuple[int, int]], most: int) -> None:
    """No row is lost or held twice, and a part is longer than it may be with one row only."""
    rows = [replace(ROWS[0], account=f"a/{i:03}") for i in range(len(drawn))]
    texts = {
        row.account: [f"{common}", row.account.ljust(size)]
        for row, (common, size) in zip(rows, drawn, strict=True)
    }

    def size(part: Iterable[Row]) -> int:
        return sum(map(len, {text for row in part for text in texts[row.account]}))

    found = [*parts(rows, lambda row: texts[row.account], most)]
    assert [row for part in found for row in part] == rows
    assert all(size(part) <= most or len(part) == 1 for part in found)
    for part, after in itertools.pairwise(found):
        assert size([*part, after[0]]) > most


def test_what_no_api_server_takes_is_said() -> None:
    assert cluster_files(realistic(1_000, 10, 1)).diagnostics == []
    (one,) = realistic(1, 1, 3_000)
    (said,) = cluster_files([one]).diagnostics
    assert (said.code, "`accounts0`" in said.message) == ("PC6401", True)
    images = tuple(f"+=registry.example.com/agents/image-{i}" for i in range(3_000))
    many = replace(one, roles=(), shape=(("images", images),))
    (said,) = cluster_files([many]).diagnostics
    assert (said.code, "`agents0`" in said.message) == ("PC6401", True)
    huge = replace(one, roles=tuple(f"RoleBinding/{'n' * 60}{i}/r" for i in range(30_000)))
    assert [d.code for d in cluster_files([huge]).diagnostics] == ["PC6401", "PC6401"]
    assert "etcd" in cluster_files([huge]).diagnostics[1].message
