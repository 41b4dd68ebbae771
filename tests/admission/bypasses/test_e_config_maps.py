"""ConfigMaps that change after the agent was admitted."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import in_kind, judge, kind, pod, reasons, request, view

GOOD = "tools: [web_search]"
MORE = "tools: [web_search, read_file]"
BAD = "tools: [web_search, shell_exec]"


def config_map(text: str, **more: Any) -> Any:
    metadata = {"name": "t", "namespace": "agents"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"tools.yaml": text},
        **more,
    }


def reader(agent: str = "research", row: str = "Deployment") -> Any:
    body = pod(agent)
    body["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "t"}}]
    return in_kind(kind(row), body)


@pytest.mark.parametrize("row", ["Deployment", "Pod", "CronJob", "Sandbox"])
@pytest.mark.parametrize(
    "old, new, expected",
    [
        pytest.param(GOOD, BAD, {"CM_WIDENS"}, id="E15-adds-a-tool"),
        pytest.param(GOOD, MORE, set(), id="E15-within"),
        pytest.param(BAD, GOOD, set(), id="E15-repairs"),
        pytest.param(BAD, BAD + "\n# same", set(), id="E15-no-worse"),
        pytest.param(GOOD, "tools: ['*']", {"CM_WIDENS"}, id="E15-wildcard"),
        pytest.param(GOOD, "tools: [", {"CM_WIDENS"}, id="E15-unreadable"),
    ],
)
def test_a_change_is_judged_for_those_who_read_it(
    row: str, old: str, new: str, expected: set[str]
) -> None:
    cluster = view(config_map(old), reader(row=row))
    verdict = judge(request(config_map(new), "UPDATE", config_map(old)), cluster)
    assert reasons(verdict) == expected
    assert all(f.agent == "research" and "reads it" in f.message for f in verdict.denials)


def test_creation_for_a_reader_that_waits_for_it() -> None:
    cluster = view(reader())
    assert reasons(judge(request(config_map(BAD, immutable=True)), cluster)) == {"CM_WIDENS"}
    assert judge(request(config_map(GOOD, immutable=True)), cluster).allowed


def test_the_stage_of_the_reader_decides() -> None:
    cluster = view(config_map(GOOD), reader("digest", "CronJob"))
    verdict = judge(request(config_map(BAD), "UPDATE", config_map(GOOD)), cluster)
    assert verdict.allowed
    assert {f.reason for f in verdict.warnings} == {"CM_WIDENS"}


def test_what_nobody_reads_is_nobodys_business() -> None:
    assert judge(request(config_map(BAD)), view()).allowed


def test_who_reads_it_must_be_known() -> None:
    cluster = view(config_map(GOOD), reader())
    cluster.unknown = frozenset({("apps", "Deployment")})
    verdict = judge(request(config_map(BAD), "UPDATE", config_map(GOOD)), cluster)
    assert reasons(verdict) == {"STATE_UNKNOWN"}
