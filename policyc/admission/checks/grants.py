"""What the API server would let an agent's ServiceAccount do, and who widens that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import Case
from policyc.admission.checks.concerned import MOST_AGENTS, SHOWN, brief, strictest, unknown
from policyc.admission.checks.scope import of_kinds, of_pods
from policyc.admission.grants import (
    BINDINGS,
    KINDS,
    NOTHING,
    Binding,
    Grants,
    bindings_of_role,
    ceiling,
    default_grants,
    excess,
    granted,
    includes,
)
from policyc.admission.request import Operation
from policyc.admission.verdict import Finding
from policyc.admission.view import RBAC, View, key_of


@of_pods
def account_within(case: Case) -> Iterator[Finding]:
    """Nobody starts an agent whose account may already do more than the envelope says."""
    agent = case.agent
    if case.pod is None or agent is None:
        return
    if case.view.unknown & KINDS:
        yield unknown(case, KINDS)
        return
    over, names = excess(case.view, case.bundle, agent)
    if over:
        yield case.finding(
            "SA_EXCEEDS",
            f"ServiceAccount `{agent.envelope.subject.service_account}` may also do: "
            f"{brief(over.describe(SHOWN + 1))}; by {brief(names)}",
            case.pod.at("spec.serviceAccountName"),
            remedy=f"take the account out of {brief(names)}, or narrow what it binds",
        )


@of_kinds(KINDS)
def widens(case: Case) -> Iterator[Finding]:
    """A role or binding gives no agent more than its envelope says."""
    request = case.request
    if (request.group, request.kind) not in KINDS or request.operation is Operation.DELETE:
        return
    if request.object is None:
        return
    if case.view.unknown & KINDS:
        yield from _not_known(case)
        return
    yield from islice(_widened(case), MOST_AGENTS)


def _widened(case: Case) -> Iterator[Finding]:
    request = case.request
    grown = _grown(case, case.view.after(request), case.view.before(request))
    # What every account may do anyway is seen before any envelope is opened.
    usual = {more for more in {*grown.values()} if more <= default_grants()}
    grown = {name: more for name, more in grown.items() if more not in usual}
    for about in strictest(case, grown):
        assert about.agent is not None
        over = grown[about.agent.name] - ceiling(case.bundle, about.agent)
        if over:
            yield about.finding(
                "RBAC_WIDENS",
                f"agent `{about.agent.name}` could also do: {brief(over.describe(SHOWN + 1))}",
                "subjects" if request.kind.endswith("Binding") else "rules",
                domain="kube",
                is_ratcheted=False,
            )


def _not_known(case: Case) -> Iterator[Finding]:
    if (case.request.group, case.request.kind) not in BINDINGS:
        yield unknown(case, KINDS)
        return
    bound = bound_agents(case.bundle, _asked(case))
    for about in islice(strictest(case, bound), MOST_AGENTS):
        yield unknown(about, KINDS)


def _asked(case: Case) -> Binding:
    """The binding in the request, in the request's namespace."""
    request = case.request
    metadata = request.subject.get("metadata")
    placed = {**(metadata if isinstance(metadata, dict) else {}), "namespace": request.namespace}
    return Binding(request.kind, {**request.subject, "metadata": placed})


def _grown(case: Case, after: View, before: View) -> dict[str, Grants]:
    """Agent -> what the request adds to its account's grants, binding by binding.

    Against the same binding as it was, not against all bindings: what another one gives
    too is no excuse, or one excess would open the door to the next.
    """
    found: dict[str, Grants] = {}
    for binding in _concerned(case, after):
        agents = bound_agents(case.bundle, binding)
        if not agents:
            continue
        given = granted(after, binding)
        body = before.get(RBAC, binding.kind, binding.namespace, binding.name)
        was = Binding(binding.kind, body) if body is not None else None
        bound_before = was.accounts if was is not None else frozenset()
        more = given - granted(before, was) if was is not None else given
        for agent in agents:
            is_old = includes(bound_before, agent.envelope.subject.service_account)
            if added := more if is_old else given:
                found[agent.name] = found.get(agent.name, NOTHING) | added
    return found


def _concerned(case: Case, after: View) -> list[Binding]:
    request = case.request
    if (request.group, request.kind) in BINDINGS:
        return [_asked(case)]
    space = request.namespace if request.kind == "Role" else ""
    return list(bindings_of_role(after, request.kind, space, key_of(request.subject)[1]))


def bound_agents(bundle: Bundle, binding: Binding) -> list[Agent]:
    """The agents whose accounts a binding binds."""
    found: dict[str, Agent] = {}
    for key in binding.accounts:
        namespace, _, name = key.partition("/")
        if not key:
            listed = list(bundle.by_account.values())
        elif not name:
            listed = bundle.by_namespace.get(namespace, [])
        else:
            listed = [bundle.by_account[key]] if key in bundle.by_account else []
        found |= {agent.name: agent for agent in listed}
    return list(found.values())


CHECKS = (account_within, widens)
