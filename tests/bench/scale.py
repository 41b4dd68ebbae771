"""Policy roots of any size: agents with 100 syscalls, 30 peers, 40 API rules and 20 tools each."""

from __future__ import annotations

import random
from pathlib import Path

from policyc.catalog.syscalls import profile
from policyc.core.canonical import Json, pretty_json

HEAD = """edition 2026
tiers low < high

{servers}
class base {{
  tier low
  cap {{
    egress tcp * to cidr 198.18.0.0/15, pods in any namespace
    egress tcp 443 to host *.example.com
    kube get, list, watch, update on *
    syscalls profile runtime-default
    exec "/usr/**"
    tool *: *
    identity service-account *
  }}
}}
"""

AGENT = """
agent bot-{i} is base {{
  workload Deployment team-{i}/bot container main
  identity team-{i}/bot
  learn under window-{w} since 2026-08-01 from "profiles/bot-{i}.json"
}}
"""


def write(root: Path, agents: int) -> None:
    """A root of that many agents, a profile each; the same for the same number."""
    (root / "profiles").mkdir(parents=True)
    servers = "".join(
        f"mcp server-{s} {{\n  at stdio\n  tools {', '.join(f'tool-{t}' for t in range(10))}\n"
        f'  reviewed by "a@corp.example" on 2026-08-01 because "R-{s}"\n}}\n'
        for s in range(4)
    )
    windows = "window window-0 {\n  at least 14d\n}\n"
    text = HEAD.format(servers=servers + windows)
    (root / "bots.agentpol").write_text(
        text + "".join(AGENT.format(i=i, w=0) for i in range(agents))
    )
    for i in range(agents):
        (root / "profiles" / f"bot-{i}.json").write_bytes(pretty_json(_profile(i)))


def _profile(i: int) -> Json:
    rng = random.Random(i)
    runs = [f"r{n}" for n in range(4)]

    def item(**fields: Json) -> Json:
        return {**fields, "phase": "application", "runs": [*runs[: rng.randint(1, 4)]], "count": 3}

    calls = rng.sample(sorted(profile("runtime-default", "amd64")), 100)
    egress = [
        item(
            protocol="tcp",
            port=rng.choice((443, 8080, 5432)),
            address=f"198.18.{rng.randrange(256)}.{n}",
        )
        for n in range(15)
    ] + [
        item(
            protocol="tcp",
            port=8080,
            namespaceLabels={"kubernetes.io/metadata.name": f"space-{n}"},
            podLabels={"app": f"app-{rng.randrange(99)}"},
        )
        for n in range(15)
    ]
    kube = [
        item(
            verb=rng.choice(("get", "list", "update")),
            resource="configmaps",
            namespace=f"team-{i}",
            name=f"c-{n}",
        )
        for n in range(40)
    ]
    tools = [item(server=f"server-{n % 4}", tool=f"tool-{n // 4}") for n in range(20)]
    return {
        "apiVersion": "policyc.dev/v1",
        "kind": "AgentProfile",
        "metadata": {"name": f"deployment-bot-{i}"},
        "spec": {
            "workload": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "namespace": f"team-{i}",
                "name": "bot",
                "container": "main",
            },
            "source": {"tool": "bench", "version": "1"},
            "runs": [{"id": run, "coverage": "from-creation"} for run in runs],
            "syscalls": [item(architecture="amd64", name=name) for name in calls],
            "egress": egress,
            "kube": kube,
            "tools": tools,
        },
    }
