"""What an agent's pods are held to, by every kind that starts them.

A pod is held to every agent that it would be: by its ServiceAccount, by its workload's name,
and by labels for which the agent's NetworkPolicies would select it.  Whoever is an agent by
its name or labels alone has another account than the agent, which is a fault of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from policyc.core.canonical import Json
from policyc.emit.backstop.cel import (
    entry,
    groups,
    listed,
    tables,
    written_list,
    written_map,
    written_text,
)
from policyc.emit.backstop.checks import CHECKS
from policyc.emit.backstop.document import Variable, policy, rule
from policyc.emit.backstop.row import Row, Shape
from policyc.emit.base import Artifact
from policyc.envelope.provenance import Derivation, Step
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

_AGENTS = Derivation(Step.DECLARED, note="accounts and workloads of the agents' envelopes")
_BASELINE = Derivation(Step.BASELINE, note="the pod security baseline and grants of the envelopes")
_WRITABLE = re.compile(r"[!-{}~]+")
"""A pattern with a space, a bar or a letter beyond ASCII matches no reference that is well-formed."""


def pods_policy(path: str, name: str, rows: Sequence[Row]) -> Artifact:
    """The policy on objects that start pods of these agents."""
    shapes = {shape: f"s{i}" for i, shape in enumerate(sorted({_shape(row) for row in rows}))}
    agents = [*tables("agents", ((r.account, _row(r, shapes[_shape(r)])) for r in rows))]
    works = [*tables("workloads", (_workload(r) for r in rows))]
    labels = [*groups("labels", (_labels(r) for r in rows if r.labels))]
    limits = [*tables("shapes", ((key, _limits(shape)) for shape, key in shapes.items()))]
    case = _cases(*([n for n, _ in table] for table in (agents, works, labels, limits)))
    known = [
        *agents,
        *works,
        *labels,
        *limits,
        ("now", case.replace("{o}", "object")),
        ("before", f"oldObject == null ? [] : {case.replace('{o}', 'oldObject')}"),
        ("cases", "variables.now.map(n, [n] + variables.before.filter(o, o.own == n.own))"),
    ]
    return policy(
        path,
        name,
        rules=[*_rules()],
        matched={"namespaceSelector": _selector(rows)},
        variables=[Variable(n, e, "the registered agents", _AGENTS) for n, e in known],
        checks=[
            Variable(
                check.name,
                f"variables.cases.map(p, p.map(c, {check.expression}))",
                check.says,
                _BASELINE,
            )
            for check in CHECKS
        ],
    )


def texts_on_pods(row: Row) -> Iterator[str]:
    """What an agent brings into the tables."""
    yield entry(row.account, _row(row, "s0000"))
    yield entry(*_workload(row))
    yield entry(*_labels(row))
    yield _limits(_shape(row))
    yield written_text(row.namespace)


# -- where ----------------------------------------------------------------------------


def _selector(rows: Iterable[Row]) -> Json:
    names: list[Json] = [*sorted({row.namespace for row in rows})]
    by_name: Json = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": names,
    }
    return {"matchExpressions": [by_name]}


def _rules() -> Iterator[Json]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in WORKLOAD_KINDS:
        is_custom = "." in row.group
        found.setdefault((row.group, "*" if is_custom else row.version), []).append(row.resource)
    for (group, version), resources in sorted(found.items()):
        yield rule(group, version, resources)
    yield rule("", "v1", ["pods/ephemeralcontainers"], ["UPDATE"])


# -- who the pod would be -----------------------------------------------------------


def _cases(
    agent_tables: list[str], workload_tables: list[str], label_tables: list[str], shapes: list[str]
) -> str:
    """A list of the cases of a template: one an agent that it would be."""
    agents, workloads, limits = map(listed, (agent_tables, workload_tables, shapes))
    name = (
        "request.kind.group + '/' + request.kind.kind + '/' + request.namespace + '/'"
        " + {o}.metadata.?name.orValue('')"
    )
    account = (
        "(['serviceAccountName', 'serviceAccount'].map(f, string(t.?spec[?f].orValue('')))"
        " + ['default']).filter(n, n != '')[0]"
    )
    declared = " + ".join(f"t.?spec.?{f}.orValue([])" for f in ("initContainers", "containers"))
    template = (
        f"{{'spec': dyn(t.?spec.orValue({{}})), 'declared': dyn({declared}),"
        f" 'containers': dyn({declared} + t.?spec.?ephemeralContainers.orValue([])),"
        f" 'account': dyn(request.namespace + '/' + {account}), 'work': dyn({name}),"
        " 'labels': dyn(t.?metadata.?labels.orValue({}).map(l, l + '=' + t.metadata.labels[l]))}"
    )
    labelled = " + ".join(
        f"variables.{table}[?request.namespace].orValue([])"
        ".map(r, r.split(' ')).filter(r, r.all(l, l == r[0] || l in c.labels)).map(r, r[0])"
        for table in label_tables
    )
    keys = (  # each account once
        f"[c.account].filter(k, {agents}.exists(a, k in a))"
        " + w.filter(k, k != c.account)"
        f" + ({labelled or '[]'}).filter(k, k != c.account && !(k in w))"
    )
    case = (
        "{'spec': c.spec, 'declared': c.declared, 'containers': c.containers, 'account': c.account,"
        " 'own': dyn(k), 'agent': dyn(r[2]), 'images': dyn(r[1].split(' ').filter(p, p != '')),"
        f" 'shape': dyn({limits}.filter(s, r[0] in s).map(s, s[r[0]])[0])}}"
    )
    row = f"{agents}.filter(a, k in a).map(a, a[k].split('|', 3)).map(r, {case})[0]"
    works = f"{workloads}.filter(w, c.work in w).map(w, w[c.work])"
    return (
        f"({_template('{o}')}.map(t, {template})"
        f".map(c, [{works}].map(w, ({keys}).map(k, {row}))[0]) + [[]])[0]"
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
# What an agent has of its own is a text that is split when it is asked for: the API server
# takes twenty times as long to compile as many lists.


def _row(row: Row, shape: str) -> str:
    images = (image for image in dict(row.shape).get("images", ()) if _WRITABLE.fullmatch(image))
    return written_text("|".join((shape, " ".join(images), row.agent)))


def _workload(row: Row) -> tuple[str, str]:
    return row.workload, written_text(row.account)


def _labels(row: Row) -> tuple[str, str]:
    return row.namespace, written_text(" ".join((row.account, *row.labels)))


def _shape(row: Row) -> Shape:
    """What many agents have in common."""
    return tuple((key, values) for key, values in row.shape if key != "images")


def _limits(shape: Shape) -> str:
    return written_map((key, written_list(values)) for key, values in shape)
