"""Everything that a check may look at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.pods import Pod, pod_of
from policyc.admission.remedies import REMEDIES
from policyc.admission.request import Request
from policyc.admission.settings import Settings
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import View


@dataclass(frozen=True, slots=True)
class Case:
    """One request with its surroundings; ``today`` is YYYY-MM-DD, UTC.

    ``agent`` is who the pod in the request would be, by its ServiceAccount, its workload
    or its labels; ``of_today`` gives it its envelope of that day.  ``bound`` is an agent's
    pod whose spec the request decides on; a status update changes no spec.
    """

    request: Request
    bundle: Bundle
    view: View
    settings: Settings
    today: str
    pod: Pod | None
    agent: Agent | None
    bound: tuple[Pod, Agent] | None = field(init=False)

    def __post_init__(self) -> None:
        bound = None
        if self.pod is not None and self.agent is not None and self.request.subresource != "status":
            bound = (self.pod, self.agent)
        object.__setattr__(self, "bound", bound)

    def of_today(self) -> Case:
        """The case with the agent's envelope as it is today, without what has ended."""
        if self.agent is None or not self.agent.ends:
            return self
        return self.about(self.agent)

    def finding(
        self,
        reason: str,
        message: str,
        path: str = "",
        *,
        domain: str = "",
        remedy: str = "",
        level: Level = Level.DENY,
        is_ratcheted: bool = True,
    ) -> Finding:
        """A finding about the case's agent.

        ``remedy`` says better than ``REMEDIES`` what to change in the object; ``domain`` is
        given where the object asks for a permission, so that a line of the policy could give it.
        """
        agent = self.agent
        change = remedy or REMEDIES[reason]
        if agent is not None and domain:
            change += f"; {agent.change(domain)}"
        name = agent.name if agent is not None else ""
        return Finding(reason, message, path, name, change, level, is_ratcheted)

    def about(self, agent: Agent) -> Case:
        """The same request, looked at for another agent, as it is today."""
        return replace(self, agent=self.bundle.on(agent, self.today))


def case_of(request: Request, bundle: Bundle, view: View, settings: Settings, today: str) -> Case:
    """The case of a request."""
    pod = pod_of(request)
    agent = agent_of(request.namespace, pod, bundle) if pod is not None else None
    return Case(request, bundle, view, settings, today, pod, agent)


def agent_of(namespace: str, pod: Pod, bundle: Bundle) -> Agent | None:
    """The agent of the pod's ServiceAccount, or of its workload's name, or whose labels it has.

    Whoever has an agent's labels gets what the agent's NetworkPolicies permit.
    """
    by_account = bundle.by_account.get(f"{namespace}/{pod.account}")
    if by_account is not None:
        return by_account
    by_workload = bundle.by_workload.get((pod.kind.group, pod.kind.kind, namespace, pod.workload))
    return by_workload or next(bundle.labelled(namespace, pod.labels), None)
