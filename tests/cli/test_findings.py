"""What `check` and `compile` find: the same, at the line that has to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.console import findings, profile, root_with, run

LEARN = 'learn under short since 2026-08-01 from "rec/*.json"'
HOST = 'allow egress tcp 443 to host api.example.com because "it calls it"'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def coded(found: list[dict[str, object]], code: str) -> dict[str, object]:
    (one,) = [d for d in found if d["code"] == code]
    return one


def test_check_reports_what_compile_reports(tmp_path: Path) -> None:
    recorded = profile(files=[{"path": "/etc/x", "modes": ["read"], "runs": ["r"]}])
    root = root_with(tmp_path, LEARN, HOST, files={"rec/bot.json": recorded})
    checked = findings(root)
    assert checked == findings(root, "compile", "-o", tmp_path / "out")
    assert {d["code"] for d in checked} >= {"PC4002", "PC6001"}


def test_an_unresolved_host_is_reported_where_it_is_granted(tmp_path: Path) -> None:
    found = coded(findings(root_with(tmp_path, HOST)), "PC6001")
    text = (tmp_path / "policies" / "demo.agentpol").read_text().splitlines()
    assert isinstance(place := found["place"], dict)
    assert HOST in text[place["line"] - 1]
    assert "to cidr" in str(found["help"])


def test_a_pattern_without_a_file_is_an_error(tmp_path: Path) -> None:
    both = LEARN.replace(" from", ' from "none/*.json",')
    root = root_with(tmp_path, both, files={"rec/bot.json": profile()})
    found = coded(findings(root), "PC7054")
    assert found["severity"] == "error"
    assert "`none/*.json`" in str(found["message"])
    assert run("compile", root, "-o", tmp_path / "out").returncode == 2
    assert not (tmp_path / "out").exists()


def test_one_is_not_written_as_many(tmp_path: Path) -> None:
    done = run("compile", root_with(tmp_path), "-o", tmp_path / "out")
    assert done.returncode == 0
    assert b"1 agent, " in done.stdout
    assert b"(1 agent)" in done.stdout
    assert b"1 agents" not in done.stdout


def deployment(name: str) -> str:
    pod = '{"metadata": {}, "spec": {"containers": [{"name": "main"}]}}'
    head = f'"kind": "Deployment", "metadata": {{"name": "{name}", "namespace": "demo"}}'
    return f'{{"apiVersion": "apps/v1", {head}, "spec": {{"template": {pod}}}}}'


CLUSTER = '\ncluster {\n  manifests "m/*.yaml"\n}\n'


@pytest.mark.parametrize(
    ("names", "help_"),
    [
        (["bto", "other"], "did you mean `demo/bto`?"),
        (["quite-different"], "they hold demo/quite-different"),
        (["bto", "bot"], None),
    ],
)
def test_a_workload_that_the_manifests_miss(
    names: list[str], help_: str | None, tmp_path: Path
) -> None:
    files = {f"m/{name}.yaml": deployment(name) for name in names}
    found = findings(root_with(tmp_path, more=CLUSTER, files=files))
    assert [d["help"] for d in found if d["code"] == "PC2014"] == [help_] * (help_ is not None)
    assert {d["severity"] for d in found} <= {"warning"}


def test_a_workload_of_which_no_manifest_is_given(tmp_path: Path) -> None:
    elsewhere = deployment("bto").replace('"demo"', '"else"')
    found = findings(root_with(tmp_path, more=CLUSTER, files={"m/x.yaml": elsewhere}))
    assert found == []
