"""ConfigMaps that agents read their tools from: judged when they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policyc.admission.case import Case
from policyc.admission.checks.capabilities import asks
from policyc.admission.checks.scope import of_kinds
from policyc.admission.readers import readers
from policyc.admission.verdict import Finding
from policyc.admission.view import key_of
from policyc.kube.workloads import WORKLOAD_KINDS

_WORKLOADS = frozenset((row.group, row.kind) for row in WORKLOAD_KINDS)


@of_kinds({("", "ConfigMap")})
def read_by_agents(case: Case) -> Iterator[Finding]:
    """What an agent would be given by the new text, and was not given by the old one."""
    request = case.request
    if (request.group, request.kind) != ("", "ConfigMap") or request.object is None:
        return
    if request.namespace not in case.bundle.by_namespace:
        return
    if case.view.unknown & _WORKLOADS:
        message = "the state of workloads is not known at the moment, nor who reads this ConfigMap"
        yield case.finding("STATE_UNKNOWN", message, is_ratcheted=False)
        return
    name = request.name or key_of(request.object)[1]
    reading = list(readers(case.view, case.bundle, (request.namespace, name)))
    if not reading:
        return
    after = case.view.after(request)
    said: set[tuple[str, str]] = set()
    for agent, pod in reading:
        now = replace(case.about(agent), pod=pod)
        known = {finding.message for finding in asks(now)}
        for finding in asks(replace(now, view=after)):
            if finding.message not in known and (agent.name, finding.message) not in said:
                said.add((agent.name, finding.message))
                message = f"agent `{agent.name}` reads it: {finding.message}"
                yield replace(finding, reason="CM_WIDENS", message=message, path="data")


CHECKS = (read_by_agents,)
