"""Two manifests of one object: the same is no fault, another is one whatever the order of the files."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from policyc.semantics.check import check
from policyc.semantics.load import load

POLICY = """edition 2026
cluster {
  manifests "*.yaml", "?.yaml"
}
class base {
}
"""


def service(name: str = "tickets", app: str = "tickets", address: str = "10.96.1.1") -> str:
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: mcp}}
spec:
  clusterIP: {address}
  selector: {{app: {app}}}
  ports: [{{port: 8080}}]
"""


def deployment(container: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: bot}}
spec:
  template:
    spec:
      containers: [{{name: {container}}}]
"""


NOTE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '%s'}\n"


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ((service(), service()), ()),
        ((service(), service("other", address="10.96.1.2")), ()),
        ((NOTE % 1, NOTE % 2), ()),  # nothing is read from it
        ((service(), service(app="evil")), ("Service `mcp/tickets`",)),
        ((service(), service("other")), ("the address 10.96.1.1",)),
        ((deployment("a"), deployment("b")), ("Deployment `default/bot`",)),
    ],
)
def test_a_contradiction_is_an_error(
    tmp_path: Path, texts: tuple[str, ...], says: tuple[str, ...]
) -> None:
    (tmp_path / "p.agentpol").write_text(POLICY, encoding="utf-8")
    for order in permutations(texts):
        for name, text in zip("ab", order, strict=True):
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        found = check(load(tmp_path).value).diagnostics
        assert [d.code for d in found] == ["PC2015"] * len(says)
        assert all(what in d.message for what, d in zip(says, found, strict=True))
        assert {d.path for d in found} <= {"b.yaml"}


def test_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "p.agentpol").write_text(POLICY, encoding="utf-8")
    (tmp_path / "a.yaml").write_text(f"{service()}---\n{service(app='evil')}", encoding="utf-8")
    (found,) = check(load(tmp_path).value).diagnostics
    assert "`a.yaml`: Service `mcp/tickets` stands twice" in found.message
