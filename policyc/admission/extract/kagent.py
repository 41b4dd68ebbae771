"""kagent's Agents, by version; kagent-dev/kagent go/api/v1alpha2 (2026-06).

A ``SandboxAgent`` is an Agent that runs in a sandbox: its spec is an Agent's, and a platform
(sandboxagent_types.go).

A ``declarative`` Agent names servers and tools, one model configuration, and how its
Deployment is; a ``byo`` one is a container.  Its ServiceAccount is named after it, unless
``serviceAccountName`` says another.  kagent renders the tools into a Secret, which is never
read: the Agent is read instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from policyc.admission.extract.atoms import model_asks, tool_ask, url_asks
from policyc.admission.extract.environment import listed
from policyc.admission.extract.pods import container_asks
from policyc.admission.extract.volumes import volume_asks
from policyc.admission.request import Object
from policyc.admission.requested import All, Ask, Delegate, Endpoint, Known, Unknown
from policyc.admission.view import View, key_of
from policyc.core.canonical import Json

GROUP = "kagent.dev"
KINDS = ("Agent", "SandboxAgent")
AGENT_VERSIONS = frozenset({"v1alpha2"})
DEFAULT_MODEL = "default-model-config"

_VENDORS: Mapping[str, str] = MappingProxyType(
    {
        # ModelProvider, modelconfig_types.go
        "Anthropic": "anthropic", "OpenAI": "openai", "AzureOpenAI": "azure", "Gemini": "google",
        "GeminiVertexAI": "vertex", "AnthropicVertexAI": "vertex", "Ollama": "ollama", "Bedrock": "bedrock",
    }
)  # fmt: skip


def object_at(value: Json, *keys: str) -> Object:
    """The object below some keys; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def account(body: Object) -> str:
    """The ServiceAccount of an Agent's pods."""
    for kind in ("declarative", "byo"):
        name = object_at(body, "spec", kind, "deployment").get("serviceAccountName")
        if isinstance(name, str) and name:
            return name
    return key_of(body)[1]


def agent_asks(body: Object, namespace: str, view: View) -> Iterator[Ask]:
    """What an Agent asks for, with what it refers to as the view has it."""
    declarative = object_at(body, "spec", "declarative")
    for i, tool in enumerate(listed(declarative.get("tools"))):
        yield from _tool(tool, f"spec.declarative.tools[{i}]", namespace, view)
    if declarative:
        name = declarative.get("modelConfig") or DEFAULT_MODEL
        yield from _model(str(name), "spec.declarative.modelConfig", namespace, view)
    for kind in ("declarative", "byo"):
        yield from _deployment(
            object_at(body, "spec", kind, "deployment"), f"spec.{kind}.deployment", namespace, view
        )
    for i, repository in enumerate(listed(object_at(body, "spec", "skills").get("gitRefs"))):
        yield from url_asks(str(repository.get("url", "")), f"spec.skills.gitRefs[{i}].url")


def refers_to(body: Object, kind: str, namespace: str, name: str) -> bool:
    """Whether an Agent refers to the ModelConfig, RemoteMCPServer or MCPServer of that name there."""
    own = key_of(body)[0]
    declarative = object_at(body, "spec", "declarative")
    if kind == "ModelConfig":
        model = declarative.get("modelConfig") or DEFAULT_MODEL
        return bool(declarative) and (own, model) == (namespace, name)
    servers = (object_at(tool, "mcpServer") for tool in listed(declarative.get("tools")))
    return any(
        (server.get("kind") or "MCPServer", *_place(server, own)) == (kind, namespace, name)
        for server in servers
    )


def _place(reference: Object, namespace: str) -> tuple[str, str]:
    """Namespace and name of what an Agent of a namespace refers to."""
    return str(reference.get("namespace") or namespace), str(reference.get("name"))


def _tool(tool: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    server, other = tool.get("mcpServer"), tool.get("agent")
    if isinstance(other, dict):
        space, name = str(other.get("namespace") or namespace), str(other.get("name"))
        yield Ask("delegates", f"{space}/{name}", f"{path}.agent", Known(Delegate(space, name)))
    if isinstance(server, dict):
        yield from _server(server, f"{path}.mcpServer", namespace, view)
    elif not isinstance(other, dict):
        yield Ask(
            "tools", "tool", path, Unknown("NOT_A_LIST", "a tool of a kind that is not known")
        )


def _server(server: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    (space, name), listed_names = _place(server, namespace), server.get("toolNames")
    names = listed_names if isinstance(listed_names, list) else []
    for i, tool in enumerate(names):
        yield tool_ask(str(tool), f"{path}.toolNames[{i}]", (name,))
    if not names:
        yield Ask("tools", name, f"{path}.toolNames", All((name,)))
    match server.get("kind"):
        case "RemoteMCPServer":
            body, fault = referred(view, "RemoteMCPServer", space, name)
            if fault is not None:
                yield Ask("egress", name, f"{path}.name", fault)
            yield from url_asks(str(object_at(body, "spec").get("url", "")), f"{path}.name")
        case _:
            # A Service, or an MCPServer (also where no kind is said), which kmcp gives a Service
            # of its name and port: ConvertMCPServerToRemoteMCPServer of the same package.
            is_server = server.get("kind") != "Service"
            if is_server and (GROUP, "MCPServer") in view.unknown:
                yield Ask("egress", name, f"{path}.name", _not_known("MCPServer"))
            port = _port_of_server(view, space, name) if is_server else None
            endpoint = Endpoint(host=f"{name}.{space}.svc".lower(), port=port)
            text = f"{name}.{space}" if port is None else f"{name}.{space}:{port}"
            yield Ask("egress", text, f"{path}.name", Known(endpoint))


def _port_of_server(view: View, namespace: str, name: str) -> int | None:
    """The port of an MCPServer of kmcp's; None where there is none yet: it is judged when it comes."""
    body = view.get(GROUP, "MCPServer", namespace, name) or {}
    port = object_at(body, "spec", "deployment").get("port")
    return port if isinstance(port, int) and port else None


def _not_known(kind: str) -> Unknown:
    return Unknown("STATE_UNKNOWN", f"the state of {kind}s is not known at the moment")


def referred(view: View, kind: str, namespace: str, name: str) -> tuple[Object, Unknown | None]:
    """An object of kagent's, empty and with a fault where it cannot be known."""
    if (GROUP, kind) in view.unknown:
        return {}, _not_known(kind)
    body = view.get(GROUP, kind, namespace, name)
    if body is None:
        return {}, Unknown("INDIRECT", f"there is no {kind} `{namespace}/{name}`: create it first")
    return body, None


def _model(name: str, path: str, namespace: str, view: View) -> Iterator[Ask]:
    body, fault = referred(view, "ModelConfig", namespace, name)
    if fault is not None:
        yield Ask("models", name, path, fault)
        return
    spec = object_at(body, "spec")
    vendor = _VENDORS.get(str(spec.get("provider")), str(spec.get("provider")).lower())
    yield from model_asks(str(spec.get("model", "")), path, vendor)
    yield from _urls(spec, path)


def _urls(spec: Object, path: str) -> Iterator[Ask]:
    """The endpoints of a model configuration, whichever vendor's part they stand in."""
    for part in spec.values():
        for value in part.values() if isinstance(part, dict) else (part,):
            if isinstance(value, str):
                yield from url_asks(value, path)


def _deployment(part: Object, path: str, namespace: str, view: View) -> Iterator[Ask]:
    if not part:
        return
    command = part.get("cmd")
    body: Object = {"env": part.get("env"), "args": part.get("args")}
    if isinstance(command, str):
        body["command"] = [command]
    yield from container_asks(body, path, namespace, view)
    yield from volume_asks(part, path, namespace, view)
