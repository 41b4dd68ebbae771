"""Namespaces whose labels would let agents reach them, or take them out of our reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from policyc.admission.case import Case
from policyc.admission.checks.concerned import MOST_AGENTS, strictest, unknown
from policyc.admission.checks.scope import of_kinds
from policyc.admission.flows import GROUP, Policy, policies
from policyc.admission.flows import KINDS as POLICIES
from policyc.admission.request import Operation
from policyc.admission.verdict import Finding
from policyc.admission.view import View, key_of, labels_of
from policyc.core.canonical import Json
from policyc.denote.network_policy import NAMESPACE_LABEL
from policyc.denote.selectors import admits, selected
from policyc.envelope.axes import Extent

OURS = "policyc.dev/"
POD_SECURITY = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")
IGNORED_BY_OTHERS = frozenset(
    {
        # https://open-policy-agent.github.io/gatekeeper/website/docs/exempt-namespaces/
        "admission.gatekeeper.sh/ignore",
        # https://www.openpolicyagent.org/docs/kubernetes/tutorial
        "openpolicyagent.org/webhook",
        # https://docs.sigstore.dev/policy-controller/overview/ (an opt-in)
        "policy.sigstore.dev/include",
    }
)
"""Labels by which other admission engines pass over a namespace, or look at it."""


@of_kinds({("", "Namespace")})
def opt_out(case: Case) -> Iterator[Finding]:
    """Nobody but operators takes a namespace out of what admission looks at."""
    request = case.request
    if not _is_namespace(case) or request.user in case.settings.operators:
        return
    old, new = labels_of(request.old), labels_of(request.object)
    name = key_of(request.subject)[1]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key) or not _exempts(key, name in case.bundle.by_namespace):
            continue
        if key == POD_SECURITY and _level(new.get(key)) >= _level(old.get(key)):
            continue
        yield case.finding(
            "OPTOUT_LABEL",
            f"`{request.user}` is no operator and changes what admission looks at in `{name}`",
            f"metadata.labels['{key}']",
            is_ratcheted=False,
        )


def _is_namespace(case: Case) -> bool:
    request = case.request
    return (request.group, request.kind) == ("", "Namespace") and request.object is not None


def _exempts(key: str, has_agents: bool) -> bool:
    return key.startswith(OURS) or (has_agents and key in {*IGNORED_BY_OTHERS, POD_SECURITY})


def _level(word: str | None) -> int:
    """What is not said, or no level, holds back nothing."""
    return _LEVELS.index(word) if word in _LEVELS else 0


@of_kinds({("", "Namespace")})
def reached(case: Case) -> Iterator[Finding]:
    """No label makes a namespace a peer of an agent: that is a change of the policy's meaning.

    ``kubernetes.io/metadata.name`` is the API server's own and cannot be chosen.
    """
    request = case.request
    if not _is_namespace(case) or request.user in case.settings.operators:
        return
    name = key_of(request.subject)[1]
    new = _labels(request.object, name)
    old = _labels(request.old if request.operation is Operation.UPDATE else None, name)
    if new == old:
        return
    if case.view.unknown & POLICIES:
        yield unknown(case, POLICIES)
        return
    for policy in _matching(case.view, old, new):
        namespace = policy.namespace
        chosen = [
            agent
            for agent in case.bundle.by_namespace.get(namespace, ())
            if policy.selects(dict(agent.envelope.subject.pod_labels))
        ]
        for about in islice(strictest(case, chosen), MOST_AGENTS):
            assert about.agent is not None
            yield about.finding(
                "NS_LABEL_WIDENS",
                f"with these labels NetworkPolicy `{namespace}/{policy.name}` connects agent "
                f"`{about.agent.name}` and namespace `{name}`",
                "metadata.labels",
                is_ratcheted=False,
            )


def _labels(body: Json, name: str) -> dict[str, str]:
    return {**labels_of(body), NAMESPACE_LABEL: name}


def _matching(view: View, old: Mapping[str, str], new: Mapping[str, str]) -> list[Policy]:
    """The policies that would match a namespace by its new labels, and did not by the old."""
    found = {}
    for selector, policy in peers(view):
        if admits(selector, new) and not admits(selector, old):
            found[policy.namespace, policy.name] = policy
    return list(found.values())


def peers(view: View) -> list[tuple[Mapping[str, Extent], Policy]]:
    """Namespace selectors of policies' peers that look at other labels than the name."""
    return view.memo("peers", lambda: list(_peers(view)), POLICIES)


def _peers(view: View) -> Iterator[tuple[Mapping[str, Extent], Policy]]:
    spaces = {key_of(body)[0] for body in view.all(GROUP, "NetworkPolicy")}
    for policy in (p for space in spaces for p in policies(view, space)):
        for selector in _selectors(policy.body.get("spec")):
            try:
                extents = selected(selector)
            except ValueError:
                continue  # such a policy lets everything through, and is refused for that
            if extents.keys() - {NAMESPACE_LABEL}:
                yield extents, policy


def _selectors(spec: Json) -> Iterator[Json]:
    for side, peers in (("egress", "to"), ("ingress", "from")):
        rules = spec.get(side) if isinstance(spec, dict) else None
        for rule in rules if isinstance(rules, list) else ():
            listed = rule.get(peers) if isinstance(rule, dict) else None
            for peer in listed if isinstance(listed, list) else ():
                if isinstance(peer, dict) and "namespaceSelector" in peer:
                    yield peer["namespaceSelector"]


CHECKS = (opt_out, reached)
