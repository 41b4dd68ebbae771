"""What binds an agent's account: nothing but the bindings of the build itself.

Admission asks whether a binding gives an agent more than its envelope says.  CEL sees no roles,
so the backstop asks for less: a binding that reaches an agent's account, by any kind of
subject, leads to a role of the envelope, in its place.  One that everybody is in leads to a role
of which a fresh cluster makes everybody a holder.  Hence it refuses also what admission
would find to be within the envelope; and what a role says it does not see.

How subjects name accounts: ``policyc.denote.rbac``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policyc.catalog.default_roles import BOUND_TO_EVERYBODY
from policyc.core.canonical import Json
from policyc.denote.rbac import ANONYMOUS, EVERYBODY
from policyc.emit.backstop.cel import listed, tables, validation, written_list
from policyc.emit.backstop.row import Row
from policyc.emit.base import Artifact, lines_of
from policyc.envelope.provenance import Derivation, Step

_FORM = Derivation(Step.FIXED, note="the form of an admission policy")
_BOUND = Derivation(Step.BASELINE, note="the accounts of the agents, and the bindings of the build")
SAYS = "nothing but the build's own bindings binds an agent's account"

_USER = "system:serviceaccount:"
_OF_NAMESPACE = "system:serviceaccounts:"
_SPACE = "(has(request.namespace) ? request.namespace : '')"
_KEY = (
    # NAMESPACE/NAME is an account, NAMESPACE/ all of a namespace, * everybody
    "(s.kind == 'ServiceAccount' ? (s.?namespace.orValue('') != '' ? s.namespace"
    f" : {_SPACE}) + '/' + s.name"
    f" : s.kind == 'User' ? (s.name.matches('^{_USER}[^:]*:.')"
    f" ? s.name.substring({len(_USER)}).replace(':', '/', 1)"
    f" : s.name == '{ANONYMOUS}' ? '*' : '')"
    f" : s.name.startsWith('{_OF_NAMESPACE}') ? s.name.substring({len(_OF_NAMESPACE)}) + '/'"
    f" : s.name in {written_list(EVERYBODY)} ? '*' : '')"
)
_ROLE = (
    "(request.kind.kind == {o}.roleRef.kind + 'Binding'"
    f" ? request.kind.kind + '/' + {_SPACE} + '/' + {{o}}.roleRef.name : '')"
)
_BY = "' by ' + {o}.roleRef.kind + ' ' + {o}.roleRef.name"
_FAULTS = (
    "{o}.?subjects.orValue([]).map(s, "
    + _KEY
    + ").map(k, k == '*' ? ("
    + _ROLE
    + " in variables.usual ? [] : ['RBAC_WIDENS: everybody' + "
    + _BY
    + "]) : variables.spaces.exists(t, k in t) ? ['RBAC_WIDENS: every agent of ' + k + "
    + _BY
    + "] : variables.tables.filter(t, k in t).filter(t, !("
    + _ROLE
    + " in t[k])).map(t, 'RBAC_WIDENS: agent ' + t[k][0] + "
    + _BY
    + "))"
)


_PART_BYTES = 1 << 20
"""Of the tables of one policy, about: etcd takes objects of 1.5 MiB."""


def parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows of one policy each.

    A binding is held to what each policy says of its own agents, so that any cut is right.
    """
    first = size = 0
    for i, row in enumerate(rows):
        more = len(_bound(row)) + 3 * len(row.account)
        if size + more > _PART_BYTES and i > first:
            yield rows[first:i]
            first, size = i, 0
        size += more
    yield rows[first:]


def _bound(row: Row) -> str:
    return written_list((row.agent, *row.roles))


def access_policy(path: str, name: str, rows: Sequence[Row]) -> Artifact:
    """The policy on bindings that reach these agents."""
    accounts = [*tables("accounts", ((row.account, _bound(row)) for row in rows))]
    names = sorted({f"{row.account.partition('/')[0]}/" for row in rows})
    spaces = [*tables("spaces", ((name, "true") for name in names))]
    now, before = (_FAULTS.replace("{o}", o) for o in ("object", "oldObject"))
    variables: list[tuple[str, str]] = [
        *accounts,
        *spaces,
        ("tables", listed(n for n, _ in accounts)),
        ("spaces", listed(n for n, _ in spaces)),
        ("usual", written_list(_usual())),
        ("access", f"[{now}] + (oldObject == null ? [] : [{before}])"),
    ]
    rule: Json = {
        "apiGroups": ["rbac.authorization.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["clusterrolebindings", "rolebindings"],
    }
    document: dict[str, Json] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            # It ends when it cannot write its own bindings at its start.
            "matchConditions": [
                {
                    "name": "not-the-api-server",
                    "expression": "request.userInfo.username != 'system:apiserver'",
                }
            ],
            "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule]},
            "variables": [{"name": n, "expression": e} for n, e in variables],
            "validations": [validation("access")],
        },
    }
    explain = {
        "/spec/variables": ("the registered agents", (_BOUND,)),
        "/spec/validations/0": (SAYS, (_BOUND,)),
    }
    return Artifact(path, document, lines_of(explain, _FORM))


def _usual() -> list[str]:
    """The bindings of a fresh cluster that everybody is in."""
    found = []
    for role in sorted(BOUND_TO_EVERYBODY):
        space, _, name = role.rpartition("/")
        found.append(f"{'RoleBinding' if space else 'ClusterRoleBinding'}/{space}/{name}")
    return found
