"""What an agent can have done: reach, delegation, and changes of what agents are allowed to be."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.agents import AS_OF, lowered, policy
from support.manifests import account, binding, cluster_role, deployment, role, rule

from policyc.admission.view import View
from policyc.catalog.amplifiers import AMPLIFIERS, Object, Surface
from policyc.catalog.frameworks import FRAMEWORK_ANNOTATION, FRAMEWORKS
from policyc.denote.rbac import permitted
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.lower import lower
from policyc.reconcile.amplify import Amplification, amplifications
from policyc.reconcile.delegation import OWN, delegations, effective
from policyc.reconcile.frameworks import read
from policyc.reconcile.reach import Capability, reachable
from policyc.reconcile.reconciliation import reconcile
from policyc.reconcile.rights import Right, rights
from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.semantics.model import CheckedPolicy

Json = Any  # objects of the API

TOOLS = '  allow tool tracker: read, write because "R"\n'
SERVER = deployment("tracker", "mcp", "tracker", {"app": "tracker"})


def capabilities(lines: str, *objects: Json) -> list[Capability]:
    checked = policy(lines=lines)
    envelope, _ = lowered(checked, Observed())
    view = View.of(objects)
    found = rights(view, "demo/bot", envelope.domains["tools"], checked)
    return list(reachable(envelope, checked, found))


def behind_the_tool() -> list[Json]:
    theirs = role("tracker", rule("get list", "secrets"), namespace="mcp")
    return [SERVER, theirs, binding("tracker", theirs, account("tracker", "mcp"), namespace="mcp")]


def test_what_text_can_have_a_tool_do_m5() -> None:
    found = capabilities(TOOLS, *behind_the_tool())
    assert {c.action for c in found} >= {"tool tracker: read", "tool tracker: write"}
    assert all("p.agentpol:" in c.because for c in found if c.permission == "the action itself")
    assert any("resource secrets" in c.permission for c in found)
    assert {c.because for c in found if "secrets" in c.permission} == {
        "by `tool tracker: *`, which runs as mcp/tracker, by RoleBinding mcp/tracker"
    }


def test_removing_a_tool_or_a_path_or_a_right_shrinks_it_m5() -> None:
    whole = set(capabilities(TOOLS, *behind_the_tool()))
    fewer_tools = set(capabilities(TOOLS.replace("read, ", ""), *behind_the_tool()))
    fewer_rights = set(capabilities(TOOLS, SERVER))
    assert {c.action for c in whole - fewer_tools} >= {"tool tracker: read"}
    assert "tool tracker: read" not in {c.action for c in fewer_tools}
    assert len(fewer_tools) < len(whole)
    assert fewer_rights < whole
    assert capabilities("", *behind_the_tool()) == []
    more = set(capabilities(TOOLS + '  allow ingress tcp 8080 from pods in namespace web because "R"\n', *behind_the_tool()))  # fmt: skip
    assert whole < more


def test_programs_act_with_the_agents_own_rights_m5() -> None:
    mine = role("bot", rule("get", "configmaps"))
    lines = '  allow exec "/bin/sh" because "R"\n  allow ingress tcp 80 from pods in namespace web because "R"\n'
    found = capabilities(lines, mine, binding("bot", mine, account()))
    assert any(c.action == "exec path /bin/sh" and "configmaps" in c.permission for c in found)


# -- delegation ----------------------------------------------------------------------

CHAIN = """edition 2026
tiers low < high
class base {{
  tier low
  cap {{
    egress tcp 443 to host *.example.com
    tool *: *
    model *
    identity service-account *
  }}
}}
mcp hub {{
  at service mcp/hub:80
  tools a, b, c
  reviewed by "a@corp.example" on 2026-08-01 because "R-1"
}}
"""
MEMBER = """
agent {name} is base {{
  workload Deployment demo/{name} container main
  identity demo/{name}
{lines}
}}
"""


def chain(**agents: str) -> dict[str, Envelope]:
    """Envelopes of agents with these lines."""
    text = CHAIN.format() + "".join(MEMBER.format(name=n, lines=x) for n, x in agents.items())
    checked = loaded(text)
    return {a.name: lower(a, Observed(), checked, as_of=AS_OF).value for a in checked.agents}


def loaded(text: str) -> CheckedPolicy:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p.agentpol").write_text(text, encoding="utf-8")
        workspace = load(Path(folder))
        return check(workspace.value).value


HOST = 'allow egress tcp 443 to host {}.example.com because "R"'


LINES = st.frozensets(st.sampled_from("abc")).map(
    lambda names: "".join(f"  {HOST.format(name)}\n" for name in sorted(names))
)


@given(LINES, LINES, LINES)
def test_authority_is_the_intersection_along_the_chain_m56(a: str, b: str, c: str) -> None:
    made = chain(one=a + "  delegates to two", two=b + "  delegates to three", three=c)
    found = {d.chain: d for d in delegations(made)}
    assert set(found) == {("one", "two"), ("one", "two", "three"), ("two", "three")}
    for members, one in found.items():
        for name, region in effective([made[m] for m in members]).items():
            for member in members:
                assert region <= made[member].domains[name]
            authority = one.authority.get(name, region.domain.empty)
            beyond = one.beyond.get(name, region.domain.empty)
            assert authority == region
            assert authority | beyond == made[members[-1]].domains[name]
            assert not authority & beyond
        assert not OWN & one.authority.keys()
    longer = found["one", "two", "three"].authority
    for name, region in longer.items():
        assert region <= found["one", "two"].authority[name]


def test_two_ways_to_one_delegate_add_up_m56() -> None:
    """The union over both chains; the shortest is shown."""
    lines = {name: f"  {HOST.format(name)}\n" for name in "ab"}
    both = lines["a"] + lines["b"]
    made = chain(
        one=both + "  delegates to left, right",
        left=lines["a"] + "  delegates to last",
        right=lines["b"] + "  delegates to last",
        last=both,
    )
    found = {(d.chain[0], d.chain[-1]): d for d in delegations(made)}
    assert len(found["one", "last"].chain) == 3
    assert found["one", "last"].authority["egress_host"] == made["last"].domains["egress_host"]
    assert "egress_host" not in found["one", "last"].beyond
    assert found["left", "last"].beyond["egress_host"]


def test_agents_that_all_delegate_to_each_other_end_soon_m56() -> None:
    """As many chains as a set of twelve has orders; what is worked out is a pair each."""
    names = [f"a{i}" for i in range(12)]
    made = chain(
        **{
            name: f"  {HOST.format(name)}\n  delegates to {', '.join(n for n in names if n != name)}"
            for name in names
        }
    )
    found = list(delegations(made))
    assert len(found) == 12 * 11
    assert all(len(d.chain) == 2 and not d.authority.get("egress_host") for d in found)


def test_a_circle_of_delegation_ends() -> None:
    made = chain(one="  delegates to two", two="  delegates to one")
    assert {d.chain for d in delegations(made)} == {("one", "two"), ("two", "one")}


# -- self-amplification --------------------------------------------------------------


def amplified(checked: CheckedPolicy, *rules: Json, objects: tuple[Json, ...] = ()) -> list[Amplification]:  # fmt: skip
    mine = cluster_role("bot", *rules)
    view = View.of([mine, binding("bot", mine, account()), *objects])
    agent = checked.agents[0]
    found = rights(view, agent.service_account, lowered(checked, Observed())[0].domains["tools"], checked)  # fmt: skip
    return list(amplifications(agent, found, checked.agents, view))


@pytest.mark.parametrize("row", AMPLIFIERS, ids=lambda row: f"{row.verbs[0]}-{row.group}-{row.resources[0]}")  # fmt: skip
def test_every_row_is_found_by_a_right_of_its_own(row: Any) -> None:
    """The least right of each row amplifies, in the row's surface; a read of the same does not."""
    checked = policy()
    pod = {"configMap": {"name": "tools"}}
    body = deployment("bot", "demo", "bot", {"app": "bot"})
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "t", **pod}]
    names = {Object.ACCOUNT: "bot", Object.WORKLOAD: "bot", Object.MOUNTED: "tools"}
    verb = next((v for v in row.verbs if v not in ("create", "deletecollection")), row.verbs[0])
    name = names.get(row.object, "") if verb not in ("create", "deletecollection") else ""
    region = permitted([rule(verb, row.resources[0], row.group, name)], "demo" if row.namespaced else "")[0]  # fmt: skip
    right = Right(region, "demo/bot", "RoleBinding demo/bot")
    found = list(amplifications(checked.agents[0], [right], checked.agents, View.of([body])))
    assert row.surface in {one.surface for one in found}
    assert all(one.is_of_itself for one in found)
    reading = permitted([rule("list watch", row.resources[0], row.group)], "")[0]
    unharmed = Right(reading, "demo/bot", "RoleBinding demo/bot")
    assert list(amplifications(checked.agents[0], [unharmed], checked.agents, View.of([body]))) == []  # fmt: skip


def test_another_namespace_is_not_its_own() -> None:
    region = permitted([rule("*", "*", "*")], "elsewhere")[0]
    right = Right(region, "demo/bot", "RoleBinding elsewhere/bot")
    checked = policy()
    assert list(amplifications(checked.agents[0], [right], checked.agents, View.of([]))) == []


def test_a_tools_account_amplifies_the_agent_that_calls_it() -> None:
    theirs = cluster_role("admin", rule("*", "*", "*"))
    bound = binding("hub", theirs, account("tracker", "mcp"), namespace="")
    without = amplified(policy(), objects=(SERVER, theirs, bound))
    assert without == []
    found = amplified(policy(lines=TOOLS), objects=(SERVER, theirs, bound))
    assert {one.surface for one in found} == set(Surface)
    assert {one.right.through for one in found} == {"tool tracker: *"}


def test_creating_pods_changes_every_agent_of_the_namespace() -> None:
    members = "".join(MEMBER.format(name=name, lines="") for name in ("bot", "mate"))
    checked = loaded(CHAIN.format() + members)
    found = amplified(checked, rule("create", "pods"))
    assert {(one.target, one.surface) for one in found} == {
        ("bot", Surface.IDENTITY),
        ("mate", Surface.IDENTITY),
    }


# -- frameworks ----------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_known_framework_with_its_version_is_clear_m41(name: str) -> None:
    for version in ("1", "0.6.7", "v1.2.3", "1.0.0rc1", "0.9.12-beta.1", "2025.1+cu12"):
        assert read(f"{name}@{version}").fault == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("langraph@0.6.7", "did you mean `langgraph`?"),
        ("langgraph", "langgraph@1.2.3"),
        ("langgraph@latest", "langgraph@1.2.3"),
        ("langgraph@>=1", "langgraph@1.2.3"),
        ("langgraph@1.2.", "langgraph@1.2.3"),
        ("langgraph@", "langgraph@1.2.3"),
        ("our-own@1", "known are"),
    ],
)
def test_a_framework_that_is_not_clear_m41(text: str, said: str) -> None:
    found = read(text)
    assert found.fault
    assert said in found.remedy


def test_a_long_version_is_judged_at_once() -> None:
    assert read("langgraph@1" + "a" * 5000 + "!").fault


def test_a_pod_template_declares_its_frameworks_m41() -> None:
    checked = policy()
    envelope, _ = lowered(checked, Observed())
    written = {FRAMEWORK_ANNOTATION: "langgraph@0.6.7, langchain@latest"}
    body = deployment("bot", "demo", "bot", {"app": "bot"}, annotations=written)
    one = reconcile(checked.agents[0], checked, View.of([body]), Observed(), envelope)
    assert [(f.name, bool(f.fault)) for f in one.frameworks] == [("langgraph", False), ("langchain", True)]  # fmt: skip
