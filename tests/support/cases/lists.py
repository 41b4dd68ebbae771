"""Group E: lists of tools and hosts, in every disguise that a container's variables allow."""

from __future__ import annotations

import base64

from support.admission import pod
from support.cases.row import Json, Row, row

CONFIG = "agents"


def with_env(*entries: Json, **plain: str) -> Json:
    """A research pod with these variables."""
    body = pod()
    env = [*entries, *({"name": k, "value": v} for k, v in plain.items())]
    body["spec"]["containers"][0]["env"] = env
    return body


def with_file_env(entry: Json) -> Json:
    """A variable from a file that another container writes."""
    made = with_env(entry)
    made["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    return made


def with_args(*args: str, command: tuple[str, ...] = ()) -> Json:
    body = pod()
    body["spec"]["containers"][0]["args"] = list(args)
    if command:
        body["spec"]["containers"][0]["command"] = list(command)
    return body


def config_map(name: str, immutable: bool | None = True, **data: str) -> Json:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": CONFIG},
        "data": data,
    }
    if immutable is not None:
        body["immutable"] = immutable
    return body


def from_map(variable: str, name: str, key: str) -> Json:
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}


def with_volume(volume: Json, at: str = "/etc/agent") -> Json:
    body = pod()
    body["spec"]["volumes"] = [{"name": "v", **volume}]
    body["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": at}]
    return body


def named(value: Json, names: dict[str, str]) -> Json:
    """The document with other names of ConfigMaps, wherever one stands."""
    if isinstance(value, dict):
        return {key: named(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [named(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def among(number: str, made: Json, maps: list[Json], *denied: str) -> Row:
    """A row in a cluster that has these ConfigMaps, under names that no other row uses."""
    names = {one["metadata"]["name"]: f"{number.lower()}-{i}" for i, one in enumerate(maps)}
    there = [one | {"metadata": named(one["metadata"], names)} for one in maps]
    return row(number, named(made, names), *denied, there=there)


def held(number: str, made: Json, data: Json, *denied: str, immutable: bool | None = True) -> Row:
    """A row in a cluster that has the ConfigMap ``t`` with this data."""
    return among(number, made, [config_map("t", immutable, **data)], *denied)


def held_bytes(number: str, data: dict[str, bytes], *denied: str) -> Row:
    """A row with a volume of a ConfigMap that has these bytes."""
    entries = {key: base64.b64encode(value).decode() for key, value in data.items()}
    made = with_volume({"configMap": {"name": "t"}})
    return among(number, made, [{**config_map("t"), "binaryData": entries}], *denied)


def at(path: str, **mount: str) -> Json:
    """A pod with one file of the ConfigMap ``t``."""
    made = with_volume({"configMap": {"name": "t"}}, path)
    made["spec"]["containers"][0]["volumeMounts"][0] |= mount
    return made


def on_claim(made: Json, working: str = "") -> Json:
    """The pod with storage at /data."""
    made["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]
    container = made["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "d", "mountPath": "/data"}]
    if working:
        container["workingDir"] = working
    return made


def env_from(**source: Json) -> Json:
    made = pod()
    made["spec"]["containers"][0]["envFrom"] = [source]
    return made


ADMITTED = [
    row("E2-spaces", with_env(AGENT_TOOLS="web_search, read_file")),
    row("E2-trailing-comma", with_env(AGENT_TOOLS="web_search,read_file,")),
    row("E2-JSON", with_env(AGENT_TOOLS='["web_search", "read_file"]')),
    row("E2-lines", with_env(AGENT_TOOLS="web_search\nread_file\n")),
    row("E2-gateway-names", with_env(AGENT_TOOLS="web/web_search web__read_file mcp__web__web_search")),
    row("E2-hyphens", with_env(AGENT_TOOLS="web-search,web_read-file")),
    row("E11-resolved", with_env({"name": "T", "value": "web_search"}, AGENT_TOOLS="$(T),read_file")),
    row("E19-final-dot", with_env(AGENT_EGRESS="api.example.com.")),
    row("E19-case", with_env(AGENT_EGRESS="API.EXAMPLE.COM")),
    row("E19-port", with_env(AGENT_EGRESS="api.example.com:443 ")),
    row("E19-URL", with_env(API_URL="https://API.example.com./v1?x=y")),
    row("E17-own-server", with_env(MCP_SERVER_URL="http://web.mcp.svc.cluster.local:8080/mcp", AGENT_TOOLS="web_search")),
    row("E17-short-name", with_env(MCP_SERVER_URL="http://web.mcp:8080/mcp", AGENT_TOOLS="web_search")),
    row("E1-model-of-vendor", with_env(ANTHROPIC_MODEL="claude-sonnet")),
    row("E1-model", with_env(MODEL="anthropic/claude-sonnet")),
    row("E17-own-pod", with_env(HOST="0.0.0.0", METRICS_URL="http://localhost:9090")),
    row("E1-nothing-of-ours", with_env(LOG_LEVEL="debug", POD_TOOLS_DISABLED="rm")),
    row("E12-within", with_args("--tools=web_search", "--model", "claude-sonnet")),
]  # fmt: skip


DENIED = [
    row("E1-tool", with_env(AGENT_TOOLS="web_search,shell_exec"), "TOOL"),
    row("E1-model-denied", with_env(OPENAI_MODEL="gpt-4o"), "MODEL"),
    row("E4-model", with_env(MODEL="*"), "WILDCARD"),
    row("E2-too-many", with_env(AGENT_TOOLS=",".join(f"a_{i}" for i in range(9999))), "NOT_A_LIST"),
    row("E2-broken-JSON", with_env(AGENT_TOOLS='{"a": 1'), "NOT_A_LIST"),
    row("E4-toolset", with_env(GITHUB_TOOLSETS="repos"), "ALL_TOOLS"),
    row("E3-case", with_env(AGENT_TOOLS="Web_Search"), "TOOL"),
    row("E3-zero-width", with_env(AGENT_TOOLS="web_search\u200b"), "NON_ASCII"),
    row("E3-escaped", with_env(AGENT_TOOLS='["web_search\\u200b"]'), "NON_ASCII"),
    row("E3-cyrillic", with_env(AGENT_TOOLS="web_search,read_file".replace("o", "\u043e").replace("e", "\u0435")), "NON_ASCII"),
    row("E3-full-width", with_env(AGENT_TOOLS="\uff57\uff45\uff42_search"), "NON_ASCII"),
    row("E4-star", with_env(AGENT_TOOLS="*"), "WILDCARD"),
    row("E4-prefix", with_env(AGENT_TOOLS="web_*"), "WILDCARD"),
    row("E4-regex", with_env(AGENT_TOOLS=".*"), "WILDCARD"),
    row("E5-twice", with_env({"name": "AGENT_TOOLS", "value": "web_search"}, {"name": "AGENT_TOOLS", "value": "shell_exec"}), "DUP_ENV", "TOOL"),
    row("E5-first-bad", with_env({"name": "AGENT_TOOLS", "value": "shell_exec"}, {"name": "AGENT_TOOLS", "value": "web_search"}), "TOOL", "DUP_ENV"),
    row("E7-secret", with_env({"name": "AGENT_TOOLS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), "INDIRECT"),
    row("E7-secret-URL", with_env({"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), "INDIRECT"),
    row("E8-annotation", with_env({"name": "AGENT_TOOLS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['tools']"}}}), "MUTABLE_SOURCE"),
    row("E8-file", with_file_env({"name": "AGENT_TOOLS", "valueFrom": {"fileKeyRef": {"path": "f", "key": "k", "volumeName": "v"}}}), "INDIRECT"),
    row("E9-downward", with_volume({"downwardAPI": {"items": [{"path": "tools", "fieldRef": {"fieldPath": "metadata.annotations['tools']"}}]}}), "MUTABLE_SOURCE"),
    row("E9-projected", with_volume({"projected": {"sources": [{"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}}]}}), "MUTABLE_SOURCE"),
    row("E11-unresolved", with_env(AGENT_TOOLS="$(NOWHERE)"), "UNRESOLVED", "WILDCARD"),
    row("E11-expanded", with_env({"name": "T", "value": "shell_exec"}, AGENT_TOOLS="$(T)"), "TOOL"),
    row("E11-later", with_env({"name": "AGENT_TOOLS", "value": "$(T)"}, {"name": "T", "value": "web_search"}), "UNRESOLVED", "WILDCARD"),
    row("E11-escaped", with_env(AGENT_TOOLS="$$(T)"), "WILDCARD"),
    row("E11-secret-inside", with_env({"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, DB="postgres://a:$(P)@api.example.com:443/"), "UNRESOLVED"),
    row("E12-flag", with_args("--tools=shell_exec"), "TOOL"),
    row("E12-two-words", with_args("--allowedTools", "web_search,shell_exec"), "TOOL"),
    row("E12-URL-flag", with_args("--mcp-url=http://evil.example.net/mcp"), "EGRESS", "ALL_TOOLS"),
    row("E12-URL", with_args("http://evil.example.net/sse"), "EGRESS"),
    row("E12-swallowed", with_args("--mcp-config", "--tools=shell_exec"), "TOOL"),
    row("E12-empty-list", with_args("--tools=", "--mcp-url=http://web.mcp:8080"), "ALL_TOOLS"),
    row("E12-unguarded", with_args("--dangerously-skip-permissions"), "ALL_TOOLS"),
    row("E12-env-command", with_args("AGENT_TOOLS=shell_exec", "agent", command=("env",)), "TOOL", "COMMAND"),
    row("E13-sh", with_args("-c", "AGENT_TOOLS=shell_exec exec agent", command=("sh",)), "SHELL_WRAPPER", "COMMAND", "TOOL"),
    row("E13-bash", with_args(command=("/bin/bash", "-lc", "agent")), "SHELL_WRAPPER", "COMMAND"),
    row("E13-busybox", with_args("-ec", "agent", command=("/bin/busybox", "sh")), "SHELL_WRAPPER", "COMMAND"),
    row("E13-python", with_args(command=("tini", "--", "python3.12", "-c", "import os")), "SHELL_WRAPPER", "COMMAND"),
    row("E14-secret-file", with_volume({"secret": {"secretName": "s", "items": [{"key": "k", "path": "mcp.json"}]}}), "INDIRECT", "SECRET_VOLUME"),
    row("E17-outside", with_env(MCP_SERVER_URL="https://mcp.evil.example.net/mcp", AGENT_TOOLS="web_search"), "EGRESS"),
    row("E17-no-list", with_env(MCP_SERVER_URL="http://web.mcp.svc:8080/mcp"), "ALL_TOOLS"),
    row("E17-empty-list", with_env(MCP_SERVER_URL="http://web.mcp.svc:8080/mcp", AGENT_TOOLS=" , "), "ALL_TOOLS"),
    row("E17-port", with_env(MCP_SERVER_URL="http://web.mcp.svc:9999/mcp", AGENT_TOOLS="web_search"), "EGRESS"),
    row("E17-JSON", with_env(MCP_SERVERS='{"mcpServers": {"web": {"url": "http://web.mcp:8080", "tools": ["shell_exec"]}}}'), "TOOL"),
    *(
        row(f"E18-{written}", with_env(AGENT_EGRESS=f"api.example.com,{written}"), reason)
        for written, reason in {
            "0.0.0.0/0": "EGRESS", "0.0.0.0/1,128.0.0.0/1": "EGRESS", "::/0": "EGRESS",
            "::ffff:10.0.0.1": "EGRESS", "::ffff:0.0.0.0/96": "AMBIGUOUS_HOST", "2130706433": "AMBIGUOUS_HOST",
            "010.0.0.1": "AMBIGUOUS_HOST", "0x7f.1": "AMBIGUOUS_HOST", "127.1": "AMBIGUOUS_HOST",
            "0.0.0.0": "AMBIGUOUS_HOST", "*": "WILDCARD", "169.254.169.254": "EGRESS", "fe80::1%eth0": "AMBIGUOUS_HOST",
        }.items()
    ),
    row("E18-URL", with_env(API_URL="http://2852039166/latest"), "AMBIGUOUS_HOST"),
    row("E18-mapped-URL", with_env(API_URL="http://[::ffff:169.254.169.254]/latest"), "EGRESS"),
    row("E20-suffix", with_env(AGENT_EGRESS="*.example.com.evil.com"), "EGRESS"),
    row("E20-wider", with_env(AGENT_EGRESS="*.example.com"), "EGRESS"),
    row("E20-at", with_env(AGENT_EGRESS="api.example.com@evil.com"), "AMBIGUOUS_HOST"),
    row("E20-userinfo", with_env(API_URL="https://api.example.com@evil.com/"), "EGRESS"),
    row("E20-backslash", with_env(API_URL="https://evil.com\\@api.example.com/"), "AMBIGUOUS_HOST"),
    row("E20-percent", with_env(API_URL="https://api.example.com%2eevil.com/"), "AMBIGUOUS_HOST"),
    row("E20-homograph", with_env(AGENT_EGRESS="\u0430pi.example.com"), "NON_ASCII"),
    row("E20-homograph-URL", with_env(API_URL="https://\u0430pi.example.com/"), "NON_ASCII"),
    row("E20-punycode", with_env(AGENT_EGRESS="xn--pi-7kc.example.com"), "EGRESS"),
    row("E20-port", with_env(API_URL="https://api.example.com:8443/"), "EGRESS"),
    *(
        row(f"E21-{name}", with_env(**{name: "http://proxy.evil.com:3128"}), "PROXY")
        for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "HTTP_PROXY", "npm_config_https_proxy")
    ),
    row("E21-NO_PROXY", with_env(NO_PROXY="evil.com"), "PROXY"),
    row("E21-NO_PROXY-all", with_env(NO_PROXY="*"), "WILDCARD"),
    *(
        row(f"E22-{name}", with_env(**{name: "/tmp/x"}), "RUNTIME_OVERRIDE")
        for name in ("PYTHONPATH", "LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "JAVA_TOOL_OPTIONS", "SSL_CERT_FILE")
    ),
]  # fmt: skip


SERVER = '{"mcpServers": {"a": {"command": "/x", "tools": ["shell_exec"]}}}'
INDIRECT = [
    held("E6-immutable", with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "web_search"}),
    held("E6-mutable", with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "web_search"}, "INDIRECT", immutable=None),
    held("E6-too-much", with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "shell_exec"}, "TOOL"),
    held("E6-no-key", with_env(from_map("AGENT_TOOLS", "t", "other")), {"k": "web_search"}, "INDIRECT"),
    held("E6-absent", with_env(from_map("AGENT_TOOLS", "absent", "k")), {"k": "web_search"}, "INDIRECT"),
    held("E6-nothing-of-ours", with_env(from_map("LOG_LEVEL", "t", "k")), {"k": "info"}, immutable=None),
    held("E14-pinned", with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [web_search]"}),
    held("E14-mutable", with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [web_search]"}, "INDIRECT", immutable=None),
    held("E14-bare-list", with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "- web_search\n- shell_exec"}, "TOOL"),
    held("E14-no-list", with_volume({"configMap": {"name": "t"}}), {"mcp.json": '{"mcpServers": {"web": {"url": "http://web.mcp:8080/mcp"}}}'}, "ALL_TOOLS"),
    held("E14-listed", with_volume({"configMap": {"name": "t"}}), {"mcp.json": '{"mcpServers": {"web": {"url": "http://web.mcp:8080/mcp", "tools": ["web_search"]}}}'}),
    held("E14-servers", with_volume({"configMap": {"name": "t"}}), {"x": '{"servers": {"a": {"type": "sse", "url": "http://evil.com/sse", "tools": ["web_search"]}}}'}, "EGRESS", "TOOL"),
    held("E14-mcp-servers", with_volume({"configMap": {"name": "t"}}), {"x": '{"mcp": {"servers": {"a": {"command": "sh", "args": ["-c", "x"], "tools": ["web_search"]}}}}'}, "SHELL_WRAPPER", "TOOL"),
    held("E14-other-key", with_volume({"configMap": {"name": "t", "items": [{"key": "ca", "path": "ca"}]}}), {"ca": "x", "mcp.json": '{"mcpServers": {"a": {}}}'}, immutable=None),
    held("E14-certificate", with_volume({"configMap": {"name": "t"}}), {"ca.crt": "-----BEGIN"}, immutable=None),
    held_bytes("E14-bytes", {"mcp.json": SERVER.encode()}, "TOOL"),
    held_bytes("E14-bytes-of-a-letter-each", {"x": SERVER.encode("utf-16")}, "TOOL"),
    held_bytes("E14-bytes-unreadable", {"mcp.json": b"\xff\xfe\xff"}, "NOT_A_LIST"),
    held_bytes("E14-bytes-of-ours", {"mcp.json": SERVER.replace("shell_exec", "web_search").replace('"a"', '"web"').encode(), "logo.png": b"\x89PNG\xff"}),
    held("E14-escaped", with_volume({"configMap": {"name": "t"}}), {"x": "".join(f"\\u{ord(c):04x}" if c.isalpha() else c for c in SERVER)}, "TOOL"),
    held("E14-escaped-YAML", with_volume({"configMap": {"name": "t"}}), {"x": '? "\\x6d\\\n  cpServ\\\n  ers"\n: {a: {command: x, "t\\x6fols": [shell_exec]}}'}, "TOOL"),
    held("E14-comment", with_volume({"configMap": {"name": "t"}}), {"x": SERVER + " // mine"}, "NOT_A_LIST"),
    held("E14-comment-escaped", with_volume({"configMap": {"name": "t"}}), {"x": SERVER.replace("mcp", "\\u006dcp") + " // mine"}, "NOT_A_LIST"),
    held("E14-key-twice", with_volume({"configMap": {"name": "t"}}), {"x": '{"mcpServers": {}, ' + SERVER[1:]}, "NOT_A_LIST"),
    held("E14-prose", with_volume({"configMap": {"name": "t"}}), {"notes": "# Tools\n\tof the [agent](x): its mcpServers are\n\t- none"}, immutable=None),
    held("E14-TOML", with_volume({"configMap": {"name": "t"}}), {"config.toml": '[mcp_servers.a]\ncommand = "/x"\nenabled_tools = ["shell_exec"]\n'}, "TOOL"),
    held("E14-TOML-in-one-line", with_volume({"configMap": {"name": "t"}}), {"x": 'mcp_servers.a.enabled_tools = ["shell_exec"]'}, "TOOL"),
    held("E14-TOML-broken", with_volume({"configMap": {"name": "t"}}), {"x": '[mcp_servers.a]\ncommand = "/x"\n[mcp_servers.a]\n'}, "NOT_A_LIST"),
    held("E14-TOML-hides-too-much", with_volume({"configMap": {"name": "t"}}), {"mcp.yaml": f'x = """: 1\n# {":" * 5001}\nmcpServers:\n  a: {{command: sh}}\n# """\n'}, "NOT_A_LIST"),
    held("E14-TOML-hides-a-key-twice", with_volume({"configMap": {"name": "t"}}), {"x": 'x = """: 1\nmcpServers:\n  a: {command: sh}\nmcpServers: {}\n# """\n'}, "NOT_A_LIST"),
    held("E14-TOML-of-others", with_volume({"configMap": {"name": "t"}}), {"config.toml": "[server]\nmodel_count = 1\n"}, immutable=None),
    held("E14-setting", with_volume({"configMap": {"name": "t"}}), {"settings.json": '{"mcp.servers": {"a": {"url": "http://localhost:8080/x"}}}'}, "ALL_TOOLS"),
    held("E14-plain-servers", with_volume({"configMap": {"name": "t"}}), {"mcp.json": '{"servers": {"a": {"url": "http://localhost:8080/x"}}}'}, "ALL_TOOLS"),
    held("E14-renamed", at("/etc/agent/tools.json", subPath="x"), {"x": '["shell_exec"]'}, "TOOL"),
    held("E14-renamed-otherwise", at("/etc/agent/tools.json", subPathExpr="./x"), {"x": '["shell_exec"]'}, "TOOL"),
    held("E14-renamed-by-a-variable", at("/etc/agent/tools.json", subPathExpr="$(X)"), {"x": '["shell_exec"]'}, "TOOL"),
    held("E14-another-file", at("/etc/agent/tools.json", subPath="y"), {"x": '["shell_exec"]', "y": '["web_search"]'}),
    held("E14-two-names", with_volume({"configMap": {"name": "t", "items": [{"key": "x", "path": "tools.json"}, {"key": "x", "path": "y"}]}}), {"x": '["shell_exec"]'}, "TOOL"),
    row("E14-storage-flag", on_claim(with_args("--mcp-config", "/data/mcp.json")), "INDIRECT"),
    row("E14-storage-flag-detour", on_claim(with_args("--mcp-config=/x/..//data/mcp.json")), "INDIRECT"),
    row("E14-storage-expanded", on_claim(with_env({"name": "D", "value": "/data"}, MCP_CONFIG="$(D)/mcp.json")), "INDIRECT"),
    row("E14-storage-flag-expanded", on_claim({**with_args("--mcp-config=$(D)/mcp.json")}, "/data"), "UNRESOLVED"),
    row("E14-storage-relative", on_claim(with_env(MCP_CONFIG="./mcp.json"), "/data"), "INDIRECT"),
    row("E14-storage-of-home", on_claim(with_env({"name": "HOME", "value": "/data"}, MCP_CONFIG="~/mcp.json")), "INDIRECT"),
    row("E14-image-file", on_claim(with_args("--mcp-config", "/etc/agent/mcp.json"), "/srv")),
    held("E14-broken", with_volume({"configMap": {"name": "t"}}), {"mcp.json": "{"}, "NOT_A_LIST"),
    held("E14-projected", with_volume({"projected": {"sources": [{"configMap": {"name": "t"}}]}}), {"tools.yaml": "tools: [shell_exec]"}, "TOOL"),
    held("E16-not-there-yet", with_volume({"configMap": {"name": "absent"}}), {}, "INDIRECT"),
    held("E16-recreated", with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [shell_exec]"}, "TOOL"),
]  # fmt: skip


MAPS = [
    config_map("t", AGENT_TOOLS="shell_exec"),
    config_map("m", None, AGENT_TOOLS="shell_exec"),
    config_map("p", TOOLS="shell_exec"),
]
SOURCES = [
    among("E10-immutable", env_from(configMapRef={"name": "t"}), MAPS, "TOOL"),
    among("E10-mutable", env_from(configMapRef={"name": "m"}), MAPS, "TOOL", "INDIRECT"),
    among("E10-optional", env_from(configMapRef={"name": "x", "optional": True}), MAPS, "INDIRECT"),
    among("E10-secret", env_from(secretRef={"name": "s"}), MAPS, "INDIRECT"),
    among("E10-prefix", env_from(prefix="AGENT_", configMapRef={"name": "p"}), MAPS, "TOOL"),
]


def claiming(**claims: str) -> Json:
    """A pod that asks for a tool, a host and a model, and says so in annotations."""
    made = with_env(
        AGENT_TOOLS="web_search", API_URL="https://api.example.com", ANTHROPIC_MODEL="claude-sonnet"
    )
    made["metadata"]["annotations"] = {
        f"policyc.dev/{name.replace('_', '-')}": value for name, value in claims.items()
    }
    return made


CLAIMS = [
    row("E1-claim", claiming(tools="web_search,read_file")),
    row("E1-claim-with-server", claiming(tools="web/web_search")),
    row("E1-under-declared", claiming(tools="read_file"), "UNDER_DECLARED"),
    row("E1-claims-none", claiming(tools=""), "UNDER_DECLARED"),
    row("E1-claims-too-much", claiming(tools="web_search,shell_exec"), "TOOL"),
    row("E4-claim", claiming(tools="*"), "WILDCARD", "UNDER_DECLARED"),
    row("E19-claim", claiming(egress="api.example.com")),
    row("E20-claim", claiming(egress="evil.com"), "EGRESS", "UNDER_DECLARED"),
    row("E1-claim-of-model", claiming(models="anthropic/claude-sonnet")),
    row("E1-claim-of-no-model", claiming(models="[]"), "UNDER_DECLARED"),
    row("E17-claim", claiming(mcp_servers="web")),
    row("E17-claims-other", claiming(mcp_servers="other"), "TOOL"),
]

GROUP_E = [*ADMITTED, *DENIED, *INDIRECT, *SOURCES, *CLAIMS]
