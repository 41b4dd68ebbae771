"""An agent's containers as a list: there are some, each is named once, none is added later."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.verdict import Finding, Level


@of_words
def names(case: Case) -> Iterator[Finding]:
    """A pod has a container, and no two of its containers have one name."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    if not pod.spec.get("containers"):
        yield case.finding("NO_CONTAINERS", "the pod has no container", pod.at("spec.containers"))
    seen: set[str] = set()
    for container in pod.containers():
        if container.name in seen:
            yield case.finding(
                "DUPLICATE_CONTAINER",
                f"there is more than one container `{container.name}`",
                f"{container.path}.name",
            )
        seen.add(container.name)


@of_words
def ephemeral(case: Case) -> Iterator[Finding]:
    """Whoever adds a container to a running agent acts as the agent."""
    bound = case.bound
    if bound is None or "ephemeralContainers" not in bound[0].spec:
        return
    pod, _ = bound
    level = Level.NOTE if case.request.user in case.settings.break_glass else Level.DENY
    for container in pod.containers():
        if container.field == "ephemeralContainers":
            yield case.finding(
                "EPHEMERAL",
                f"{container.title} would act as agent `{case.agent.name if case.agent else ''}`",
                container.path,
                level=level,
            )


CHECKS = (names, ephemeral)
