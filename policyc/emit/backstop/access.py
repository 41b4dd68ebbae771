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
from policyc.denote.rbac import ANONYMOUS, EVERYBODY
from policyc.emit.backstop.cel import entry, listed, tables, written_list
from policyc.emit.backstop.document import Variable, policy, rule
from policyc.emit.backstop.row import Row
from policyc.emit.base import Artifact
from policyc.envelope.provenance import Derivation, Step

_BOUND = Derivation(Step.BASELINE, note="the accounts of the agents, and the bindings of the build")
_SAYS = "nothing but the build's own bindings binds an agent's account"

_GROUP = "rbac.authorization.k8s.io"
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


def bindings_policy(path: str, name: str, rows: Sequence[Row]) -> Artifact:
    """The policy on bindings that reach these agents."""
    accounts = [*tables("accounts", ((row.account, _bound(row)) for row in rows))]
    names = sorted({_space(row) for row in rows})
    spaces = [*tables("spaces", ((name, "true") for name in names))]
    now, before = (_FAULTS.replace("{o}", o) for o in ("object", "oldObject"))
    known = [
        *accounts,
        *spaces,
        ("tables", listed(n for n, _ in accounts)),
        ("spaces", listed(n for n, _ in spaces)),
        ("usual", written_list(_usual())),
    ]
    faults = f"[[{now}] + (oldObject == null ? [] : [{before}])]"
    return policy(
        path,
        name,
        rules=[rule(_GROUP, "v1", ("clusterrolebindings", "rolebindings"))],
        variables=[Variable(n, e, "the registered agents", _BOUND) for n, e in known],
        checks=[Variable("access", faults, _SAYS, _BOUND)],
        # It ends when it cannot write its own bindings at its start.
        conditions=[
            {
                "name": "not-the-api-server",
                "expression": "request.userInfo.username != 'system:apiserver'",
            }
        ],
    )


def texts_on_bindings(row: Row) -> Iterator[str]:
    """What an agent brings into the tables."""
    yield entry(row.account, _bound(row))
    yield entry(_space(row), "true")


def _bound(row: Row) -> str:
    return written_list((row.agent, *row.roles))


def _space(row: Row) -> str:
    return row.account.partition("/")[0] + "/"


def _usual() -> list[str]:
    """The bindings of a fresh cluster that everybody is in."""
    found = []
    for role in sorted(BOUND_TO_EVERYBODY):
        space, _, name = role.rpartition("/")
        found.append(f"{'RoleBinding' if space else 'ClusterRoleBinding'}/{space}/{name}")
    return found
