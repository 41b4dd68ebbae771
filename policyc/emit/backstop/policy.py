"""ValidatingAdmissionPolicies of a whole build, two a stage, as objects and as static files.

The part of admission that CEL can say, so that losing the webhook does not lose it
(https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/, 1.36).
The static form is read by the API server from a folder and cannot be changed through the
API (KEP-5793, alpha in 1.36).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from policyc.core.canonical import Json
from policyc.emit.backstop.access import access_policy, parts
from policyc.emit.backstop.cel import (
    LONGEST,
    TABLE_ROWS,
    listed,
    tables,
    validation,
    written_list,
    written_map,
    written_text,
)
from policyc.emit.backstop.checks import CHECKS
from policyc.emit.backstop.row import FOLDER, STATIC, Row, Shape
from policyc.emit.base import Artifact, lines_of
from policyc.envelope.provenance import Derivation, Step
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

_ACTIONS: dict[str, list[Json]] = {
    "enforce": ["Deny"],
    "audit": ["Audit", "Warn"],
    "observe": ["Audit"],
}
"""Stage -> what a fault does."""
_FORM = Derivation(Step.FIXED, note="the form of an admission policy")
_AGENTS = Derivation(Step.DECLARED, note="accounts and workloads of the agents' envelopes")
_BASELINE = Derivation(Step.BASELINE, note="the pod security baseline and grants of the envelopes")


def backstop(rows: Iterable[Row]) -> tuple[Artifact, ...]:
    """The policies and their bindings for every stage that an agent has, in both forms, by path."""
    known = sorted(rows)
    made: list[Artifact] = []
    for stage in sorted({row.stage for row in known}):
        for folder, suffix in ((FOLDER, ""), (f"{FOLDER}/{STATIC}", ".static.k8s.io")):
            for what, policy in _policies(stage, known):
                name = f"policyc-{what}{suffix}"
                path = f"{folder}/admission-policy-{{}}{what}.yaml"
                made.append(policy(path.format(""), name))
                made.append(_binding(path.format("binding-"), name, stage))
    return tuple(sorted(made, key=lambda artifact: artifact.path))


def _policies(
    stage: str, rows: Sequence[Row]
) -> Iterator[tuple[str, Callable[[str, str], Artifact]]]:
    """What a policy is called, and what makes it of a path and a name."""
    yield stage, partial(_policy, stage=stage, rows=rows)
    mine = [row for row in rows if row.stage == stage]
    for number, part in enumerate(parts(mine), 1):
        ending = f"-{number}" if number > 1 else ""
        yield f"access-{stage}{ending}", partial(access_policy, rows=part)


def _policy(path: str, name: str, stage: str, rows: Sequence[Row]) -> Artifact:
    shapes = {shape: f"s{i}" for i, shape in enumerate(sorted({row.shape for row in rows}))}
    agents = [*tables("agents", ((r.account, _row(r, shapes)) for r in rows))]
    works = [*tables("workloads", ((r.workload, written_text(r.account)) for r in rows))]
    labels = [*_labels([row for row in rows if row.labels])]
    variables: list[tuple[str, str]] = [
        *agents,
        *works,
        *labels,
        ("shapes", written_map((key, _shape(shape)) for shape, key in shapes.items())),
        ("cases", _cases(stage, *([n for n, _ in table] for table in (agents, works, labels)))),
    ]
    first = len(variables)
    variables += [(c.name, f"variables.cases.map(c, {c.expression})") for c in CHECKS]
    document: dict[str, Json] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {
                    "matchExpressions": [
                        {
                            "key": "kubernetes.io/metadata.name",
                            "operator": "In",
                            "values": [*sorted({row.namespace for row in rows})],
                        }
                    ]
                },
                "resourceRules": _rules(),
            },
            "variables": [{"name": n, "expression": e} for n, e in variables],
            "validations": [validation(check.name) for check in CHECKS],
        },
    }
    explain = {
        f"/spec/variables/{i}": ("the registered agents", (_AGENTS,)) for i in range(first)
    } | {
        f"/spec/{part}/{i + offset}": (check.says, (_BASELINE,))
        for part, offset in (("variables", first), ("validations", 0))
        for i, check in enumerate(CHECKS)
    }
    return Artifact(path, document, lines_of(explain, _FORM))


def _binding(path: str, name: str, stage: str) -> Artifact:
    document: dict[str, Json] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": [*_ACTIONS[stage]]},
    }
    return Artifact(path, document, lines_of({}, _FORM))


def _rules() -> list[Json]:
    groups: dict[tuple[str, str], list[Json]] = {}
    for row in WORKLOAD_KINDS:
        is_custom = "." in row.group
        groups.setdefault((row.group, "*" if is_custom else row.version), []).append(row.resource)
    rules: list[Json] = [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "operations": ["CREATE", "UPDATE"],
            "resources": resources,
        }
        for (group, version), resources in sorted(groups.items())
    ]
    rules.append(
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["pods/ephemeralcontainers"],
        }
    )
    return rules


# -- who the pod would be -----------------------------------------------------------


def _cases(
    stage: str, agent_tables: list[str], workload_tables: list[str], label_tables: list[str]
) -> str:
    """The new template of an agent at this stage, then the old one where that was an agent's.

    It is the agent's by its ServiceAccount, else by its workload's name, else by its labels.
    """
    agents, workloads, labelled = map(listed, (agent_tables, workload_tables, label_tables))
    name = (
        "request.kind.group + '/' + request.kind.kind + '/' + request.namespace + '/'"
        " + {o}.metadata.?name.orValue('')"
    )
    template = _template("{o}")
    account = (
        "(['serviceAccountName', 'serviceAccount'].map(f, string(t.?spec[?f].orValue('')))"
        " + ['default']).filter(n, n != '')[0]"
    )
    containers = " + ".join(
        f"t.?spec.?{field}.orValue([])"
        for field in ("initContainers", "containers", "ephemeralContainers")
    )
    declared = " + ".join(
        f"t.?spec.?{field}.orValue([])" for field in ("initContainers", "containers")
    )
    one = (
        f"{template}.map(t, {{'spec': dyn(t.?spec.orValue({{}})), 'containers': dyn({containers}),"
        f" 'declared': dyn({declared}), 'account': dyn(request.namespace + '/' + {account}),"
        f" 'work': dyn({name}),"
        " 'labels': dyn(t.?metadata.?labels.orValue({}).map(l, l + '=' + t.metadata.labels[l]))})"
        f".map(c, [{agents}.exists(a, c.account in a) ? [c.account]"
        f" : {workloads}.exists(w, c.work in w)"
        f" ? {workloads}.filter(w, c.work in w).map(w, w[c.work])"
        f" : {labelled}.filter(t, request.namespace in t)"
        ".map(t, t[request.namespace].filter(r, r.all(l, l == r[0] || l in c.labels)))"
        ".filter(m, size(m) > 0).map(m, m[0][0])].map(k,"
        f" {agents}.filter(a, size(k) > 0 && k[0] in a).map(a,"
        " {'spec': c.spec, 'containers': c.containers, 'declared': c.declared,"
        " 'account': c.account, 'own': dyn(k[0]), 'row': dyn(a[k[0]]),"
        " 'shape': dyn(variables.shapes[a[k[0]][2]])}))[0])"
        ".filter(c, size(c) > 0).map(c, c[0])"
    )
    now, before = (one.replace("{o}", o) for o in ("object", "oldObject"))
    chosen = f"c.row[1] == '{stage}'"
    return (
        f"[{now}].map(n, size(n) > 0 && n.all(c, {chosen})"
        f" ? n + (oldObject == null ? [] : {before}) : [])[0]"
    )


def _template(body: str) -> str:
    """A list of the pod template, empty where there is none, by the table of kinds."""
    paths: dict[tuple[str, ...], list[WorkloadKind]] = {}
    for row in WORKLOAD_KINDS:
        paths.setdefault(row.template, []).append(row)
    kinds = "request.kind.group + '/' + request.kind.kind"
    text = "[]"
    for path, found in sorted(paths.items()):
        names = ", ".join(written_text(f"{row.group}/{row.kind}") for row in found)
        chain = f"[?{body}{''.join(f'.?{key}' for key in path)}]" if path else f"[dyn({body})]"
        text = f"({kinds} in [{names}] ? {chain} : {text})"
    return text


# -- tables -------------------------------------------------------------------------


def _labels(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    """Tables of namespace -> lists of an account and the labels of its agent."""
    found: dict[str, list[str]] = {}
    count = size = 0
    for i, row in enumerate(rows):
        entry = written_list((row.account, *row.labels))
        more = len(entry) + len(written_text(row.namespace)) + 6
        if found and (size + more > LONGEST or i % TABLE_ROWS == 0):
            yield f"labels{count}", _by_space(found)
            found, size, count = {}, 0, count + 1
        found.setdefault(row.namespace, []).append(entry)
        size += more
    if found:
        yield f"labels{count}", _by_space(found)


def _by_space(found: dict[str, list[str]]) -> str:
    return written_map((space, f"[{', '.join(own)}]") for space, own in sorted(found.items()))


def _row(row: Row, shapes: dict[Shape, str]) -> str:
    return written_list((row.agent, row.stage, shapes[row.shape]))


def _shape(shape: Shape) -> str:
    return written_map((key, written_list(values)) for key, values in shape)
