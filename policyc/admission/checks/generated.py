"""Objects that the compiler made, and the objects of the webhook itself."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.checks.concerned import is_emptied
from policyc.admission.checks.scope import of_kinds
from policyc.admission.flows import KINDS as POLICIES
from policyc.admission.flows import Policy, minus
from policyc.admission.grants import BINDINGS, ROLES, own_rules
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import annotations_of, key_of
from policyc.catalog.machinery import is_machinery

MARK = "policyc.dev/agent"
ACCOUNT = ("", "ServiceAccount")
KINDS = POLICIES | ROLES | BINDINGS | {ACCOUNT}


@of_kinds(KINDS)
def unchanged(case: Case) -> Iterator[Finding]:
    """What was made from the policy changes with the policy, and by operators only."""
    request = case.request
    kind = (request.group, request.kind)
    if kind not in KINDS or request.operation is Operation.CREATE or request.subresource:
        return
    if request.user in case.settings.operators or request.old is None:
        return
    agent = _agent_of(case, request.old)
    if agent is None or _is_as_narrow(kind, request.old, request.object):
        return
    what = "deleted" if request.object is None else "changed"
    about = case.about(agent)
    if is_emptied(case):
        yield about.finding(
            "GENERATED_OBJECT",
            f"the {request.kind} of agent `{agent.name}` goes with its namespace, maybe before its pods",
            level=Level.NOTE,
        )
        return
    yield about.finding(
        "GENERATED_OBJECT",
        f"the {request.kind} of agent `{agent.name}` is {what} by `{request.user}`, who is no operator",
        "metadata.name",
        is_ratcheted=False,
    )


def _agent_of(case: Case, old: Object) -> Agent | None:
    """Whose object it is: by its mark, or by being the agent's ServiceAccount."""
    request, bundle = case.request, case.bundle
    if (request.group, request.kind) == ACCOUNT:
        found = bundle.by_account.get(f"{request.namespace}/{key_of(old)[1]}")
        if found is not None:
            return found
    return bundle.agents.get(annotations_of(old).get(MARK, ""))


def _is_as_narrow(kind: tuple[str, str], old: Object, new: Object | None) -> bool:
    """Whether the new object keeps its marks and holds the agent back at least as much."""
    if new is None or _marks(new) != _marks(old):
        return False
    if kind in POLICIES:
        return _holds_back(Policy(old), Policy(new))
    if kind in ROLES:
        return own_rules(new) <= own_rules(old) and new.get(_AGGREGATES) == old.get(_AGGREGATES)
    fields = ("subjects", "roleRef") if kind in BINDINGS else _ACCOUNT_FIELDS
    return all(new.get(name) == old.get(name) for name in fields)


_AGGREGATES = "aggregationRule"
_ACCOUNT_FIELDS = ("automountServiceAccountToken", "secrets", "imagePullSecrets")


def _marks(body: Object) -> dict[str, str]:
    return {k: v for k, v in annotations_of(body).items() if k.startswith("policyc.dev/")}


def _holds_back(old: Policy, new: Policy) -> bool:
    """Whether it selects the same pods, isolates the same directions and lets no more through."""
    return (
        new.selected == old.selected
        and new.flows.keys() >= old.flows.keys()
        and not minus(new.flows, old.flows)
    )


def home(case: Case) -> Iterator[Finding]:
    """What stands in the webhook's own namespace is changed by operators and the cluster."""
    request, own = case.request, case.settings.home
    is_home = (request.group, request.kind) == ("", "Namespace") and own == (
        request.name or key_of(request.subject)[1]
    )
    if request.namespace != own and not is_home:
        return
    if request.user in case.settings.operators or is_machinery(request.user, request.groups):
        return
    yield case.finding(
        "HOME_PROTECTED",
        f"`{request.user}` is no operator and does {request.operation} on {request.resource} in `{own}`",
        "metadata.namespace",
        is_ratcheted=False,
    )


CHECKS = (unchanged, home)
