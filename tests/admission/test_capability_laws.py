"""Laws of what is asked for: no object breaks a check, and asking for more never helps."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.admission import bundle, in_kind, judge, kind, pod, request, view

from policyc.admission.extract.environment import expand
from policyc.admission.extract.hosts import place_of, urls_in
from policyc.admission.extract.lists import words_of
from policyc.admission.extract.names import meaning
from policyc.admission.readings import holds_tool
from policyc.admission.requested import Endpoint, Tool
from policyc.admission.view import View

EXAMPLES = settings.default.max_examples
WORDS = st.sampled_from(
    """web_search read_file shell_exec * web/web_search web__read_file http://web.mcp:8080/mcp
    https://evil.com api.example.com 10.0.0.0/8 ::/0 $(X) $$(A) $(AGENT_TOOLS) [ {"mcpServers":{}}
    ["web_search"] claude-sonnet /etc/mcp.json sh -c --tools --mcp-config policyc \u043e""".split()
)
NAMES = st.sampled_from(
    "AGENT_TOOLS MCP_SERVER_URL MODEL HTTPS_PROXY NO_PROXY PYTHONPATH EGRESS API_URL X KAGENT_NAME TOOLSETS".split()
)
KEYS = st.sampled_from(
    """spec metadata annotations containers initContainers env envFrom name value valueFrom args command
    configMapKeyRef configMapRef secretKeyRef fieldRef fieldPath key volumes configMap projected sources
    downwardAPI items secret image template mcpServers servers tools url data tools.yaml immutable
    declarative modelConfig mcpServer toolNames deployment rules source serviceAccount targetRefs
    toolsFilter toolsOverride description status discoveredTools backendRefs toolSelector include
    ownerReferences policyc.dev/tools policyc.dev/tool-pins policyc.dev/egress serviceAccountName""".split()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | WORDS
    | st.floats(allow_nan=False)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=24,
)
KINDS = st.sampled_from(
    [
        ("v1", "Pod"), ("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("batch/v1", "CronJob"),
        ("kagent.dev/v1alpha2", "Agent"), ("kagent.dev/v1alpha2", "ModelConfig"),
        ("kagent.dev/v1alpha2", "RemoteMCPServer"), ("toolhive.stacklok.dev/v1beta1", "MCPServer"),
        ("toolhive.stacklok.dev/v1beta1", "MCPToolConfig"), ("aigateway.envoyproxy.io/v1alpha1", "MCPRoute"),
        ("agentic.networking.x-k8s.io/v0alpha0", "XAccessPolicy"),
        ("agentic.networking.x-k8s.io/v1alpha1", "XAccessPolicy"),
    ]
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    keys: Any = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [here] + [p for key in keys for p in paths(value[key], (*here, key))]


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    document = copy.deepcopy(document)
    here = document
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return document


RICH = pod()
RICH["metadata"]["annotations"] = {
    "policyc.dev/tools": "web_search",
    "policyc.dev/tool-pins": "a/b=c",
}
RICH["spec"]["volumes"] = [
    {"name": "a", "configMap": {"name": "t", "items": [{"key": "tools.yaml", "path": "tools.yaml"}]}},
    {"name": "b", "projected": {"sources": [{"configMap": {"name": "t"}}, {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}}, {"downwardAPI": {"items": [{"fieldRef": {"fieldPath": "metadata.labels"}}]}}]}},
]  # fmt: skip
RICH["spec"]["containers"][0] |= {
    "command": ["agent"],
    "args": ["--tools", "web_search"],
    "envFrom": [{"prefix": "P_", "configMapRef": {"name": "t"}}, {"secretRef": {"name": "s"}}],
    "volumeMounts": [{"name": "a", "mountPath": "/etc/a"}],
    "env": [
        {"name": "AGENT_TOOLS", "value": "web_search"},
        {"name": "MCP_CONFIG", "value": "/etc/a/mcp.json"},
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "t", "key": "k"}}},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ],
}
TEXTS = {"tools.yaml": "tools: [web_search]", "mcp.json": '{"mcpServers": {}}'}
MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "t", "namespace": "agents"},
    "data": TEXTS,
}
CLUSTER = view(MAP, in_kind(kind("Deployment"), RICH))


@settings(max_examples=EXAMPLES * 2)
@given(st.sampled_from(paths(RICH)[1:]), JSON)
def test_any_value_in_any_place_of_a_pod_gets_a_verdict(place: tuple[Any, ...], value: Any) -> None:
    body = with_value(RICH, place, value)
    asked = request(pod())
    asked.object.clear()  # type: ignore[union-attr]  # a pod of ours
    asked.object.update(body)  # type: ignore[union-attr]  # a pod of ours
    judge(asked, CLUSTER)


@given(KINDS, JSON, JSON, JSON)
def test_any_object_of_any_kind_gets_a_verdict(
    named: tuple[str, str], spec: Any, data: Any, status: Any
) -> None:
    api, name = named
    body = {
        "apiVersion": api, "kind": name, "metadata": {"name": "t", "namespace": "agents"},
        "spec": spec, "data": data, "status": status, "immutable": True,
    }  # fmt: skip
    asked = request(body)
    judge(asked, CLUSTER)
    judge(request(body, "UPDATE", {**body, "spec": data, "data": spec}), CLUSTER)
    judge(request(pod()), View.of([*[b for b in (body,) if isinstance(b, dict)], MAP]))


@given(st.dictionaries(KEYS, st.text(max_size=30) | JSON.map(json.dumps), max_size=4))
def test_any_text_in_a_config_map_gets_a_verdict(data: dict[str, str]) -> None:
    judge(request(RICH), view({**MAP, "data": data}))
    judge(request({**MAP, "data": data}, "UPDATE", MAP), CLUSTER)


TOOLS = st.lists(
    st.sampled_from(["web_search", "read_file", "shell_exec", "web/web_search", "*"]),
    min_size=1,
    max_size=4,
)


def denied(env: list[Any], args: list[str]) -> bool:
    body = pod()
    body["spec"]["containers"][0] |= {"env": env, "args": args}
    return not judge(request(body)).allowed


@given(TOOLS, st.sampled_from(["web_search", "shell_exec", "*", "web__read_file"]))
def test_one_tool_more_never_helps(tools: list[str], more: str) -> None:
    def listed(names: list[str]) -> list[Any]:
        return [{"name": "AGENT_TOOLS", "value": ",".join(names)}]

    assert denied(listed(tools), []) <= denied(listed([*tools, more]), [])
    assert denied([], [f"--tools={','.join(tools)}"]) <= denied(
        [], [f"--tools={','.join([*tools, more])}"]
    )
    assert denied(listed(tools), []) == denied(listed(tools[::-1]), [])


@given(
    st.lists(st.tuples(NAMES, WORDS), max_size=4, unique_by=lambda pair: pair[0]),
    st.sampled_from(
        ["https_proxy", "OTHER_URL", "SECOND_MODEL", "LD_PRELOAD", "EGRESS_HOSTS", "PLAIN"]
    ),
    WORDS,
)
def test_one_variable_more_never_helps(env: list[tuple[str, str]], name: str, value: str) -> None:
    """But a list of tools, which bounds the servers that stand beside it."""
    entries = [{"name": k, "value": v} for k, v in env]
    assert denied(entries, []) <= denied([*entries, {"name": name, "value": value}], [])


@given(
    st.lists(WORDS, max_size=4),
    st.sampled_from(
        ["https://evil.com", "--dangerously-skip-permissions", "AGENT_TOOLS=shell_exec"]
    ),
)
def test_one_argument_more_never_helps(args: list[str], more: str) -> None:
    assert denied([], args) <= denied([], [*args, more])


@given(st.text(max_size=40))
def test_a_host_has_one_canonical_form(written: str) -> None:
    place = place_of(written)
    if isinstance(place, Endpoint):
        again = place_of(f"{place.host or place.network}")
        assert isinstance(again, Endpoint)
        assert (again.host, again.network) == (place.host, place.network)


@given(st.text(alphabet=":/@.[]%,ahtps0123456789xF\\ ", max_size=60))
def test_addresses_of_no_form_are_refused_or_read(text: str) -> None:
    place_of(text)
    for scheme, rest in urls_in(text):
        assert f"{scheme}://{rest}" in text.lower() or rest in text


@given(
    st.text(max_size=30),
    st.dictionaries(st.text(alphabet="AB", max_size=2), st.none() | st.text(max_size=4)),
)
def test_expansion_leaves_what_has_no_reference(text: str, known: dict[str, str | None]) -> None:
    expanded, missing = expand(text, known)
    if "$" not in text:
        assert (expanded, missing) == (text, "")
    if expanded is None:
        assert missing in known


@given(st.text(max_size=40))
def test_names_and_lists_of_any_text(text: str) -> None:
    meaning(text)
    words = words_of(text)
    assert words is None or all(words)


@given(st.lists(st.sampled_from("abc_-./"), max_size=12).map("".join))
def test_a_granted_tool_is_held_in_every_spelling(name: str) -> None:
    granted = bundle().agents["research"].envelope.domains["tools"]
    for spelling in (
        "web_search",
        "web/web_search",
        "web__web_search",
        "mcp__web__web_search",
        "web:web_search",
    ):
        assert holds_tool(granted, Tool(spelling))
        assert not holds_tool(granted, Tool(spelling.upper()))
    assert not holds_tool(granted, Tool(name))
