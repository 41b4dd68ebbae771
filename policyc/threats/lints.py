"""The four common mistakes: old tools only, no baseline, ignored shadows, compliance on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from policyc.admission.pods import pod_in
from policyc.admission.request import Object
from policyc.admission.shadow import THRESHOLD, evidence, score
from policyc.admission.view import View, key_of
from policyc.catalog.taxonomies import references
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.core.errors import PolicycError
from policyc.envelope.model import Envelope
from policyc.kube.yaml import YamlError, load_all
from policyc.semantics.catalogue import Catalogue, Closure
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.syntax import nodes as n
from policyc.threats.applies import FACTS, applicable
from policyc.threats.covers import covering

_OLD = frozenset({"syscall", "kube-audit", "iam"})
"""Kinds of records that tools for containers and clouds had before there were agents."""


def lints(agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy) -> Iterator[Diagnostic]:
    """What one agent is missing."""
    yield from _old_tools(agent, envelope, policy.catalogue)
    if agent.stage != "observe" and agent.learning is None and agent.managed is None:
        yield Diagnostic(
            "PC3117",
            f"agent `{agent.name}` is at `{agent.stage}` and has no baseline: nothing was recorded of it",
            agent.span,
            help='add: learn under WINDOW since DAY from "profiles/*.json"',
            severity=Severity.WARNING,
        )


def _old_tools(
    agent: CheckedAgent, envelope: Envelope, catalogue: Catalogue
) -> Iterator[Diagnostic]:
    """Closures of an agent that calls models or tools, all of them resting on old kinds of records."""
    closures = [
        cover
        for spec in applicable(catalogue, envelope)
        for cover in covering(spec, agent, catalogue)
        if isinstance(cover, Closure)
    ]
    kinds = {catalogue.signals[e.signal].kind for c in closures for e in c.evidence}
    if kinds and kinds <= _OLD and (FACTS["models"](envelope) or FACTS["tools"](envelope)):
        yield Diagnostic(
            "PC3116",
            f"every closure of agent `{agent.name}` rests on {', '.join(sorted(kinds))} records: "
            "nothing hears what the model is asked and what it calls",
            agent.span,
            help="add a signal of kind mcp, sdk or envelope",
            severity=Severity.WARNING,
        )


def paper(catalogue: Catalogue) -> Iterator[Diagnostic]:
    """Threats that name duties only, and no signal that would show them."""
    known = references()
    for spec in catalogue.threats.values():
        if spec.refs and not spec.shown and all(known[ref].is_document for ref in spec.refs):
            yield Diagnostic(
                "PC3119",
                f"threat `{spec.id}` refers to documents of compliance alone, and no signal shows it",
                spec.span,
                help="add `shown by` with a signal, and the attack that it is about",
                severity=Severity.WARNING,
            )


def shadows(root: Path, workspace: Workspace, policy: CheckedPolicy) -> Iterator[Diagnostic]:
    """Workloads of the cluster's manifests that look like agents and are none."""
    known = {
        (w.group, w.kind, w.namespace, w.name)
        for agent in policy.agents
        if (w := agent.workload) is not None
    }
    placed = list(_bodies(root, workspace))
    view = View.of([body for _, body in placed])
    for label, body in placed:
        group, _, _ = str(body.get("apiVersion", "")).rpartition("/")
        kind = str(body.get("kind", ""))
        namespace, name = key_of(body)
        pod = pod_in(group, kind, body)
        if pod is None or (group, kind, namespace, name) in known:
            continue
        signs = evidence(pod, namespace, view)
        if score(signs) >= THRESHOLD:
            yield Diagnostic(
                "PC3118",
                f"{kind} `{namespace}/{name}` looks like an agent ({signs[0].what}) and is declared as none",
                path=label,
                help="declare it as an agent, so that its threats are judged",
                severity=Severity.WARNING,
            )


def _bodies(root: Path, workspace: Workspace) -> Iterator[tuple[str, Object]]:
    """The objects of the manifests that the `cluster` block names; faults are the checker's to report."""
    for pattern in _patterns(workspace):
        for path in sorted(root.glob(pattern)):
            try:
                bodies = load_all(path.read_text(encoding="utf-8"))
            except (YamlError, UnicodeDecodeError):
                continue
            except OSError as fault:
                raise PolicycError("PC7050", f"cannot read `{path}`: {fault.strerror}") from fault
            for body in bodies:
                if isinstance(body, dict):
                    yield path.relative_to(root).as_posix(), body


def _patterns(workspace: Workspace) -> Iterable[str]:
    for file in workspace.files.values():
        for node in file.declarations:
            if isinstance(node, n.Cluster):
                for member in node.members:
                    if isinstance(member, n.ClusterManifests):
                        yield from (text.value for text in member.files)
