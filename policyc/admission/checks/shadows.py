"""Pods that look like agents and are registered as none."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_pods
from policyc.admission.shadow import THRESHOLD, evidence, score
from policyc.admission.verdict import Finding

_MOST = 4


@of_pods
def unregistered(case: Case) -> Iterator[Finding]:
    """A pod of no agent does not look like one, in whatever namespace it is."""
    if case.pod is None or case.agent is not None or case.request.subresource == "status":
        return
    found = evidence(case.pod, case.request.namespace, case.view)
    total = score(found)
    if total < THRESHOLD:
        return
    heaviest = sorted(found, key=lambda e: -e.weight)
    named = ", ".join(dict.fromkeys(e.what for e in heaviest[:_MOST]))
    yield case.finding(
        "SHADOW_AGENT",
        f"it looks like an agent (score {total}, and {THRESHOLD} is enough: {named}) and is registered as none",
        heaviest[0].path,
        level=case.settings.shadow,
    )


CHECKS = (unregistered,)
