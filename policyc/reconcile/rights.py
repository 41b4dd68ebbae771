"""Whose rights an agent acts with: its own account's, and those of the servers of its tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policyc.admission.grants import held
from policyc.admission.view import View, key_of, labels_of
from policyc.core.canonical import Json
from policyc.denote.selectors import selects
from policyc.envelope.domains import KUBE, TOOLS
from policyc.envelope.region import Region
from policyc.kube.workloads import WORKLOAD_KINDS, template_of
from policyc.semantics.model import CheckedPolicy, Declared, Transport


@dataclass(frozen=True, slots=True)
class Right:
    """Requests to the API server that somebody may make.

    ``through`` is the tool by which the agent has them made, empty for its own account;
    ``account`` is whose they are, ``binding`` what grants them.
    """

    region: Region
    account: str
    binding: str
    through: str = ""

    def __str__(self) -> str:
        way = f"by `{self.through}`, which runs as {self.account}, " if self.through else ""
        return f"{way}by {self.binding}"


def rights(view: View, account: str, tools: Region, policy: CheckedPolicy) -> tuple[Right, ...]:
    """All rights of an agent with this account and these tools (a region of ``tools``)."""
    found = list(_of(view, account, "")) if account else []
    for server in servers_of(tools, policy):
        through = f"tool {server.name}: *"
        if _is_in_its_pod(server):
            continue  # a stdio server is a child of the agent: its account is the agent's
        for other in accounts_behind(view, server):
            found += _of(view, other, through)
    return tuple(found)


def _is_in_its_pod(server: Declared) -> bool:
    return server.endpoint is not None and server.endpoint.transport is Transport.STDIO


def servers_of(tools: Region, policy: CheckedPolicy) -> Iterator[Declared]:
    """The reviewed servers of which a tool is granted, by name."""
    for thing in sorted(policy.declared.values(), key=lambda d: d.name):
        if thing.kind == "mcp" and tools & TOOLS.single({"server": thing.name}):
            yield thing


def _of(view: View, account: str, through: str) -> Iterator[Right]:
    for binding, grants in held(view, account).items():
        if grants.kube:
            yield Right(grants.kube, account, binding, through)


def accounts_behind(view: View, server: Declared) -> tuple[str, ...]:
    """The ServiceAccounts of the pods behind a server's Service, as far as manifests have them."""
    if server.endpoint is None or server.endpoint.peer is None:
        return ()
    peer = server.endpoint.peer
    wanted = dict(peer.pod_labels)
    namespace = dict(peer.namespace_labels).get("kubernetes.io/metadata.name", "")
    selector: Json = {"matchLabels": {**wanted}}
    found: set[str] = set()
    for row in WORKLOAD_KINDS:
        for body in view.all(row.group, row.kind, namespace):
            template = template_of(row, body)
            if isinstance(template, dict) and wanted and selects(selector, labels_of(template)):
                found.add(f"{key_of(body)[0]}/{_account(template.get('spec'))}")
    return tuple(sorted(found))


def _account(spec: Json) -> str:
    fields: Mapping[str, Json] = spec if isinstance(spec, dict) else {}
    return str(fields.get("serviceAccountName") or fields.get("serviceAccount") or "default")


def all_requests(found: tuple[Right, ...]) -> Region:
    """The union of rights."""
    return KUBE.union(right.region for right in found)
