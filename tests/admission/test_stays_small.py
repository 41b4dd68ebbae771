"""What one object can make admission hold and do, however it is written."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterable
from typing import Any

from support.admission import SETTINGS, TODAY, bundle, pod, request, view

from policyc.admission.evaluate import evaluate
from policyc.admission.extract.environment import expand
from policyc.admission.extract.files import file_asks
from policyc.admission.requested import Unknown
from policyc.admission.verdict import Verdict

Json = Any
MIB = 1 << 20


def judged(body: Json) -> Verdict:
    return evaluate(request(body), bundle(), view(), SETTINGS, TODAY)


def with_env(*variables: tuple[str, str]) -> Json:
    body = pod()
    body["spec"]["containers"][0]["env"] = [{"name": n, "value": v} for n, v in variables]
    return body


def peak_bytes(bodies: Iterable[Json]) -> tuple[int, int]:
    """What verdicts on them leave behind, and what they take at most."""
    judged(pod())
    tracemalloc.start()
    try:
        for body in bodies:
            judged(body)
        body = None
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def doubling(last: str) -> Json:
    names = [f"B{i}" for i in range(30)]
    steps = [
        (name, f"$({before})" * 20) for before, name in zip(["A", *names], names, strict=False)
    ]
    return with_env(("A", "x" * 100), *steps, (last, f"$({names[-1]})"))


def test_references_that_double_each_other_fill_no_memory() -> None:
    assert peak_bytes([doubling("LAST")])[1] < 16 * MIB
    assert judged(doubling("LAST")).allowed
    assert {f.reason for f in judged(doubling("API_URL")).denials} == {"UNRESOLVED"}


def test_many_references_to_a_long_text_fill_no_memory() -> None:
    wide = [(f"B{i}", "$(A)") for i in range(1000)]
    assert peak_bytes([with_env(("A", "x" * 100_000), *wide)])[1] < 16 * MIB


def test_arguments_are_expanded_as_far_as_a_process_could_be_given_them() -> None:
    body = with_env(("A", "x" * 100_000))
    body["spec"]["containers"][0]["args"] = ["--api-url=$(A)"] * 100
    found = [f for f in judged(body).denials if f.reason == "UNRESOLVED"]
    assert len(found) == 100 - 6 * MIB // (100_000)
    assert "longer than a process may be given" in found[0].message


def test_a_long_yaml_text_is_no_list_of_tools_and_the_same_as_json_is_one() -> None:
    servers = {f"s{i}": {"command": "x"} for i in range(3000)}
    as_yaml = "mcpServers:\n" + "".join(f"  {name}:\n    command: x\n" for name in servers)

    def found(text: str) -> list[object]:
        return [ask.capability for ask in file_asks(["mcp.json"], text, "p")]

    assert [a.reason for a in found(as_yaml) if isinstance(a, Unknown)] == ["NOT_A_LIST"]
    as_json = found(json.dumps({"mcpServers": servers}))
    assert len(as_json) >= len(servers) and not any(isinstance(a, Unknown) for a in as_json)


def test_what_a_process_can_be_given_is_expanded() -> None:
    long = "x" * (128 * 1024)
    assert expand("$(A)", {"A": long}) == (long, "")
    assert expand("$(A)$(B)", {"A": long, "B": "x"}) == (None, "B")


def test_as_many_claims_as_asks_are_judged_at_once() -> None:
    for claim, variable in (("tools", "AGENT_TOOLS"), ("models", "LLM_MODEL")):
        names = ",".join(f"x{i}" for i in range(490))
        body = with_env((variable, names))
        body["metadata"]["annotations"] = {f"policyc.dev/{claim}": names}
        begun = time.process_time()
        assert not judged(body).allowed
        assert time.process_time() - begun < 2, claim  # 0.1 s; each ask for itself took 9 s


def test_more_claimed_servers_than_are_judged() -> None:
    body = pod()
    servers = ",".join(f"s{i}" for i in range(50_000))
    body["metadata"]["annotations"] = {"policyc.dev/mcp-servers": servers}
    assert [f.reason for f in judged(body).findings] == ["NOT_A_LIST"]


def long_names(i: int) -> list[Json]:
    """An agent's pod and one of nobody with a megabyte wherever a name can be."""
    name = f"{i}_" + "A" * MIB
    agent = with_env((f"MCP_{name}_MODEL", "x"), ("AGENT_TOOLS", name), ("LLM_MODEL", name))
    agent["spec"]["containers"][0]["args"] = ["--mcp-servers", name]
    agent["spec"]["containers"][0]["image"] = name
    nobody = with_env((f"MCP_{name}_HOST", name), (f"X{name}_MODEL", "gpt-4"))
    nobody["metadata"]["labels"] = {}
    nobody["spec"]["serviceAccountName"] = "default"
    nobody["spec"]["containers"][0]["image"] = name.lower()
    return [agent, nobody]


def test_long_names_are_not_kept() -> None:
    assert peak_bytes(body for i in range(6) for body in long_names(i))[0] < 4 * MIB
