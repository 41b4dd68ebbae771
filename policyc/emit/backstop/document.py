"""The form that all policies of the backstop have, and their bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from policyc.core.canonical import Json
from policyc.emit.base import Artifact, lines_of
from policyc.envelope.provenance import Derivation, Step

_FORM = Derivation(Step.FIXED, note="the form of an admission policy")
_ACTIONS: dict[str, list[Json]] = {
    "enforce": ["Deny"],
    "audit": ["Audit", "Warn"],
    "observe": ["Audit"],
}
"""Stage -> what a fault does."""


class Variable(NamedTuple):
    """CEL under a name, what it says, and why it stands there."""

    name: str
    expression: str
    says: str
    why: Derivation


def rule(
    group: str,
    version: str,
    resources: Sequence[str],
    operations: Sequence[str] = ("CREATE", "UPDATE"),
) -> Json:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": [*operations],
        "resources": [*resources],
    }


def policy(
    path: str,
    name: str,
    *,
    rules: Sequence[Json],
    variables: Sequence[Variable],
    checks: Sequence[Variable],
    matched: dict[str, Json] | None = None,
    conditions: Sequence[Json] = (),
) -> Artifact:
    """A ValidatingAdmissionPolicy whose validations are the ``checks``.

    A check is a list of pairs: the faults of an object, as lists of texts, and those that it had
    before, if it was there.  ``matched`` is more of its ``matchConstraints``.
    """
    spec: dict[str, Json] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", **(matched or {}), "resourceRules": [*rules]},
        "variables": [{"name": v.name, "expression": v.expression} for v in (*variables, *checks)],
        "validations": [_validation(check.name) for check in checks],
    }  # fmt: skip
    if conditions:
        spec["matchConditions"] = [*conditions]
    document = _document("ValidatingAdmissionPolicy", name, spec)
    explain = {
        f"/spec/variables/{i}": (v.says, (v.why,)) for i, v in enumerate((*variables, *checks))
    }
    explain |= {f"/spec/validations/{i}": (c.says, (c.why,)) for i, c in enumerate(checks)}
    return Artifact(path, document, lines_of(explain, _FORM))


def binding(path: str, name: str, stage: str) -> Artifact:
    """The binding of a policy, of the same name, for agents of a stage."""
    spec: dict[str, Json] = {"policyName": name, "validationActions": [*_ACTIONS[stage]]}
    document = _document("ValidatingAdmissionPolicyBinding", name, spec)
    return Artifact(path, document, lines_of({}, _FORM))


def _document(kind: str, name: str, spec: dict[str, Json]) -> Json:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "policyc"}},
        "spec": spec,
    }


def _validation(name: str) -> Json:
    """Faults that the object had before are left to its repair, as admission leaves them."""
    here = f"variables.{name}"
    return {
        "expression": (
            f"{here}.all(p, p[0].all(l, l.all(f, size(p) > 1 && p[1].exists(o, f in o))))"
        ),
        "messageExpression": (
            f"{here}.map(p, p[0].filter(l, size(l) > 0).map(l, l.join('; ')).join('; '))"
            ".filter(m, m != '').join('; ')"
        ),
        "reason": "Forbidden",
    }
