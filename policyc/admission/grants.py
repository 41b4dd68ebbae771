"""What the cluster's RBAC lets a ServiceAccount do, beside what its agent may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.request import Object
from policyc.admission.view import RBAC, View, key_of, labels_of
from policyc.catalog.default_roles import DEFAULT_RULES
from policyc.core.canonical import Json
from policyc.denote.rbac import bound, permitted
from policyc.denote.selectors import selects
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.region import Region

ROLES = frozenset({(RBAC, "Role"), (RBAC, "ClusterRole")})
BINDINGS = frozenset({(RBAC, "RoleBinding"), (RBAC, "ClusterRoleBinding")})
KINDS = ROLES | BINDINGS


@dataclass(frozen=True, slots=True)
class Grants:
    """Requests about resources, and requests about URLs."""

    kube: Region = KUBE.empty
    urls: Region = KUBE_URL.empty

    def __or__(self, other: Grants) -> Grants:
        return Grants(self.kube | other.kube, self.urls | other.urls)

    def __sub__(self, other: Grants) -> Grants:
        return Grants(self.kube - other.kube, self.urls - other.urls)

    def __le__(self, other: Grants) -> bool:
        return self.kube <= other.kube and self.urls <= other.urls

    def __bool__(self) -> bool:
        return bool(self.kube) or bool(self.urls)

    def describe(self, most: int) -> list[str]:
        """One line a box, for people."""
        return self.kube.describe(most) + self.urls.describe(most)


NOTHING = Grants()
EVERYTHING = Grants(KUBE.full, KUBE_URL.full)


@cache
def default_grants() -> Grants:
    """What every account may do: discovery, and questions about itself."""
    found = NOTHING
    for namespace, rule in DEFAULT_RULES:
        found |= Grants(*permitted([rule], namespace))
    return found


def ceiling(bundle: Bundle, agent: Agent) -> Grants:
    """The most that an agent's account may be granted; ``agent`` is that of today."""
    domains = agent.envelope.domains
    return bundle.memo(
        ("grants", agent.name, agent.ends),
        lambda: Grants(domains["kube"], domains["kube_url"]) | default_grants(),
    )


class Binding:
    """A RoleBinding or ClusterRoleBinding; ``kind`` says which, for lists leave it out of the items."""

    def __init__(self, kind: str, body: Object) -> None:
        space, self.name = key_of(body)
        self.kind = kind
        self.namespace = space if kind == "RoleBinding" else ""
        ref = body.get("roleRef")
        ref = ref if isinstance(ref, dict) else {}
        self.role = (str(ref.get("kind", "")), str(ref.get("name", "")))
        """Kind and name of the role."""
        try:
            self.accounts = bound(body.get("subjects"), self.namespace)
            """Who is bound, as ``denote.rbac.bound`` has it; what cannot be read binds all."""
        except ValueError:
            self.accounts = frozenset({""})

    def __str__(self) -> str:
        space = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {space}{self.name}"


_READERS = {kind: partial(Binding, kind) for kind in ("RoleBinding", "ClusterRoleBinding")}


def bindings(view: View) -> Iterator[Binding]:
    """All bindings of the cluster."""
    for kind, reader in _READERS.items():
        for body in view.all(RBAC, kind):
            yield view.reading((RBAC, kind), body, reader)


def includes(keys: frozenset[str], account: str) -> bool:
    """Whether an account is one of ``accounts``."""
    return "" in keys or account in keys or account.partition("/")[0] + "/" in keys


def granted(view: View, binding: Binding) -> Grants:
    """What a binding gives to those it binds; what cannot be read gives everything."""
    kind, name = binding.role
    space = binding.namespace
    key = (kind, space if kind == "Role" else "", name)
    return view.memo(("granted", space, key), lambda: _granted(view, key, space), ROLES)


def _granted(view: View, role: tuple[str, str, str], space: str) -> Grants:
    body = view.get(RBAC, *role)
    found = NOTHING
    try:
        for part in () if body is None else members(view, body):
            found |= Grants(*permitted(part.get("rules"), space))
    except ValueError:
        return EVERYTHING
    return found


def own_rules(role: Object) -> Grants:
    """What the rules of a role say, bound everywhere; what cannot be read is everything."""
    try:
        return Grants(*permitted(role.get("rules"), ""))
    except ValueError:
        return EVERYTHING


def members(view: View, role: Object) -> list[Object]:
    """A role, and the ClusterRoles whose rules flow into it by aggregation.

    The controller writes them into the role; until it has, they are on their way.
    ValueError when a selector cannot be read.
    """
    found = {key_of(role)[1]: role}
    waiting = [role]
    while waiting:
        for selector in _selectors(waiting.pop()):
            for other in view.all(RBAC, "ClusterRole"):
                name = key_of(other)[1]
                if name not in found and selects(selector, labels_of(other)):
                    found[name] = other
                    waiting.append(other)
    return list(found.values())


def _selectors(role: Object) -> Iterator[Json]:
    rule = role.get("aggregationRule")
    if rule is None:
        return
    if not isinstance(rule, dict) or not isinstance(rule.get("clusterRoleSelectors") or [], list):
        raise ValueError("not an aggregation rule")
    listed = rule.get("clusterRoleSelectors")
    yield from listed if isinstance(listed, list) else ()


def bindings_of_role(view: View, kind: str, namespace: str, name: str) -> Iterator[Binding]:
    """The bindings that give a role, by itself or as a part of others."""
    wanted = {name} if kind == "Role" else set(_containing(view, name))
    for binding in bindings(view):
        role_kind, role = binding.role
        if (
            role_kind == kind
            and role in wanted
            and (not namespace or binding.namespace == namespace)
        ):
            yield binding


def _containing(view: View, name: str) -> Iterator[str]:
    for role in view.all(RBAC, "ClusterRole"):
        own = key_of(role)[1]
        try:
            is_part = own == name or (
                "aggregationRule" in role
                and any(key_of(part)[1] == name for part in members(view, role))
            )
        except ValueError:
            is_part = True
        if is_part:
            yield own


def held(view: View, account: str) -> Mapping[str, Grants]:
    """Binding (``Kind namespace/name``) -> what it gives to the account."""
    index = view.memo("bindings by subject", lambda: _by_subject(view), BINDINGS)
    space = account.partition("/")[0]
    return {
        str(binding): granted(view, binding)
        for key in (account, space + "/", "")
        for binding in index.get(key, ())
    }


def _by_subject(view: View) -> Mapping[str, list[Binding]]:
    found: dict[str, list[Binding]] = {}
    for binding in bindings(view):
        for key in binding.accounts:
            found.setdefault(key, []).append(binding)
    return found


def excess(view: View, bundle: Bundle, agent: Agent) -> tuple[Grants, tuple[str, ...]]:
    """What an agent's account is granted and should not be, and the bindings that grant it."""
    most = ceiling(bundle, agent)
    account = agent.envelope.subject.service_account
    return view.memo(("excess", account, most), lambda: _excess(view, account, most), KINDS)


def _excess(view: View, account: str, most: Grants) -> tuple[Grants, tuple[str, ...]]:
    found = {name: over for name, g in held(view, account).items() if (over := g - most)}
    total = NOTHING
    for over in found.values():
        total |= over
    return total, tuple(sorted(found))
