"""RBAC: a ServiceAccount of the agent's own, and roles with one rule a resource.

The authorizer (kubernetes/plugin/pkg/auth/authorizer/rbac, 1.34) grants a request that
some rule covers: verb, group and resource in their lists or ``*``, and the name in
resourceNames when that list is not empty.  It knows no denial and no prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from policyc.catalog.kube_api import CLUSTER_SCOPED, NAMELESS_VERBS, STANDARD_VERBS
from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.emit.base import Artifact, Emission, Narrowing, lines_of
from policyc.envelope.axes import ALL, Axis, Extent, union
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region

_FORM = Derivation(Step.FIXED, note="the form of an RBAC object")
_ACCOUNT = Derivation(Step.DECLARED, note="the agent's own ServiceAccount")
_API = "rbac.authorization.k8s.io"

_CLUSTER = ""
"""The scope of the ClusterRole; other scopes are namespaces."""

RuleKey = tuple[str, str, str]
"""Group, resource, and name (empty: every name)."""


@dataclass(slots=True)
class _Rules:
    """Verbs by rule, by scope, each verb with its reasons."""

    resources: dict[str, dict[RuleKey, dict[str, list[Derivation]]]] = field(default_factory=dict)
    urls: dict[str, dict[str, list[Derivation]]] = field(default_factory=dict)
    narrowed: list[Narrowing] = field(default_factory=list)

    def add(self, scope: str, key: RuleKey, verb: str, reasons: tuple[Derivation, ...]) -> None:
        verbs = self.resources.setdefault(scope, {}).setdefault(key, {})
        known = verbs.setdefault(verb, [])
        known += [d for d in reasons if d not in known]


class RbacEmitter:
    """A file an object: serviceaccount, role-NAMESPACE, rolebinding-NAMESPACE, clusterrole, ..."""

    kind = "rbac"
    domains = frozenset({"kube", "kube_url"})

    def emit(self, envelope: Envelope) -> Emission:
        """None for managed agents, which have no identity in the cluster."""
        if envelope.subject.workload is None:
            return Emission()
        rules = _collect(envelope)
        artifacts = [_service_account(envelope)]
        for scope in sorted(rules.resources.keys() | ({_CLUSTER} if rules.urls else set())):
            artifacts += _role_and_binding(envelope, scope, rules)
        artifacts.sort(key=lambda a: a.path)
        return Emission(tuple(artifacts), (), tuple(rules.narrowed))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """What the ServiceAccount may ask of the API server."""
        return _denote(documents, envelope)

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        """The envelope: RBAC needs nothing beside it."""
        return {name: envelope.domains[name] for name in self.domains}


RBAC = RbacEmitter()


# -- rules ----------------------------------------------------------------------


def _collect(envelope: Envelope) -> _Rules:
    rules = _Rules()
    for grant in envelope.grants.get("kube", ()):
        for box in grant.region.boxes():
            _add_box(rules, grant, box)
    for grant in envelope.grants.get("kube_url", ()):
        for box in grant.region.boxes():
            verbs = _words(KUBE_URL.axis("verb"), box.get("verb", ALL), ("get",))
            for url in KUBE_URL.axis("url").write(box.get("url", ALL)):
                if url.startswith("!") or verbs is None:
                    rules.narrowed.append(_inexpressible(grant, "a URL with exceptions"))
                    continue
                for verb in verbs:
                    known = rules.urls.setdefault(url, {}).setdefault(verb, [])
                    known += [d for d in grant.derivations if d not in known]
    return rules


def _words(axis: Axis, extent: Extent, everything: tuple[str, ...]) -> list[str] | None:
    """The literal members of an extent; ``everything`` for all but a few; None for prefixes."""
    patterns = axis.write(extent)
    if patterns and patterns[0] == "*":
        left_out = {p[1:] for p in patterns[1:]}
        if any(p.endswith("*") for p in left_out):
            return None
        return [word for word in everything if word not in left_out]
    if any(p.endswith("*") or p.startswith("!") for p in patterns):
        return None
    return list(patterns)


def _add_box(rules: _Rules, grant: Grant, box: Mapping[str, Extent]) -> None:
    groups = _words(KUBE.axis("group"), box.get("group", ALL), ("*",))
    resources = _words(KUBE.axis("resource"), box.get("resource", ALL), ("*",))
    verbs = _words(KUBE.axis("verb"), box.get("verb", ALL), STANDARD_VERBS)
    names = _names(box.get("name", ALL))
    if groups is None or resources is None or verbs is None or names is None:
        rules.narrowed.append(_inexpressible(grant, "a pattern"))
        return
    if KUBE.axis("verb").write(box.get("verb", ALL))[0] == "*":
        rules.narrowed.append(_inexpressible(grant, "`*` as a verb without the special verbs"))
    for word, axis in ((groups, "group"), (resources, "resource")):
        if word == ["*"] and box.get(axis, ALL) != ALL:
            rules.narrowed.append(_inexpressible(grant, "everything but a few"))
            return
    for group in groups:
        for resource in resources:
            scopes = _scopes(box.get("namespace", ALL), group, resource)
            if scopes is None:
                rules.narrowed.append(_inexpressible(grant, "such a set of namespaces"))
                continue
            for scope in scopes:
                _add_verbs(rules, grant, scope, (group, resource), verbs, names)


def _add_verbs(
    rules: _Rules,
    grant: Grant,
    scope: str,
    what: tuple[str, str],
    verbs: list[str],
    names: list[str],
) -> None:
    for verb in verbs:
        for name in names:
            if name and verb in NAMELESS_VERBS:
                rules.narrowed.append(_inexpressible(grant, f"a name for `{verb}`"))
                continue
            rules.add(scope, (*what, name), verb, grant.derivations)


def _names(extent: Extent) -> list[str] | None:
    """The names, or one empty name for all of them."""
    if extent == ALL:
        return [""]
    words = _words(KUBE.axis("name"), extent, ())
    # A rule cannot say "requests without a name" and nothing else.
    return None if not words or "" in words else words


def _scopes(extent: Extent, group: str, resource: str) -> list[str] | None:
    if extent == ALL:
        return [_CLUSTER]
    words = _words(KUBE.axis("namespace"), extent, ())
    if not words:
        return None
    plural = resource.partition("/")[0]
    if "" in words and (group, plural) not in CLUSTER_SCOPED:
        return None
    return words


def _inexpressible(grant: Grant, what: str) -> Narrowing:
    shown = "; ".join(grant.region.describe()[:1])
    return Narrowing(
        "PC6201",
        grant.region.domain.name,
        f"RBAC cannot say {what}: {shown}",
        "grant the names themselves; the agent is refused what is not written out",
        grant.derivations,
    )


# -- documents -------------------------------------------------------------------


def role_name(envelope: Envelope) -> str:
    return f"policyc-{envelope.subject.agent}"


def _service_account(envelope: Envelope) -> Artifact:
    namespace, _, name = envelope.subject.service_account.partition("/")
    uses_api = bool(envelope.domains["kube"] or envelope.domains["kube_url"])
    document: dict[str, Json] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"policyc.dev/agent": envelope.subject.agent},
        },
        "automountServiceAccountToken": uses_api,
    }
    used = tuple(
        dict.fromkeys(
            d
            for domain in ("kube", "kube_url")
            for grant in envelope.grants.get(domain, ())
            for d in grant.derivations
        )
    )
    why = (
        ("the agent uses the API", used)
        if uses_api
        else ("the agent does not use the API", (_FORM,))
    )
    explain = {
        "/metadata": (f"ServiceAccount {namespace}/{name}", (_ACCOUNT,)),
        "/automountServiceAccountToken": why,
    }
    return Artifact("serviceaccount.yaml", document, lines_of(explain, _FORM))


def _role_and_binding(envelope: Envelope, scope: str, rules: _Rules) -> list[Artifact]:
    kind = "ClusterRole" if scope == _CLUSTER else "Role"
    suffix = "" if scope == _CLUSTER else f"-{scope}"
    where: dict[str, Json] = {} if scope == _CLUSTER else {"namespace": scope}
    name = role_name(envelope) if scope != _CLUSTER else _cluster_name(envelope)
    metadata: dict[str, Json] = {
        "name": name,
        **where,
        "annotations": {"policyc.dev/agent": envelope.subject.agent},
    }
    written, explain = _written(scope, rules)
    role: dict[str, Json] = {
        "apiVersion": f"{_API}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": written,
    }
    account_space, _, account = envelope.subject.service_account.partition("/")
    binding: dict[str, Json] = {
        "apiVersion": f"{_API}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _API, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_space}],
    }
    # The binding stands as long as a rule of its role does.
    every = tuple(dict.fromkeys(d for _, reasons in explain.values() for d in reasons))
    bound = {"/subjects": (f"binds {envelope.subject.service_account}", every)}
    return [
        Artifact(f"{kind.lower()}{suffix}.yaml", role, lines_of(explain, _FORM)),
        Artifact(f"{kind.lower()}binding{suffix}.yaml", binding, lines_of(bound, _FORM)),
    ]


def _cluster_name(envelope: Envelope) -> str:
    """Cluster-scoped names are shared by all namespaces: the workload's keeps them apart."""
    assert envelope.subject.workload is not None
    return f"policyc-{envelope.subject.workload.namespace}-{envelope.subject.agent}"


_Explain = dict[str, tuple[str, tuple[Derivation, ...]]]


def _written(scope: str, rules: _Rules) -> tuple[list[Json], _Explain]:
    written: list[Json] = []
    explain: _Explain = {}
    where = f" in namespace {scope}" if scope else ""
    for key, verbs in sorted(rules.resources.get(scope, {}).items()):
        group, resource, name = key
        rule: dict[str, Json] = {"apiGroups": [group], "resources": [resource]}
        if name:
            rule["resourceNames"] = [name]
        rule["verbs"] = [*sorted(verbs)]
        shown = f"{resource}.{group}" if group else resource
        what = f"on {shown}{where}" + (f" named {name}" if name else "")
        _explain(explain, len(written), what, verbs)
        written.append(rule)
    for url, verbs in sorted(rules.urls.items()) if scope == _CLUSTER else ():
        _explain(explain, len(written), f"on url {url}", verbs)
        written.append({"nonResourceURLs": [url], "verbs": [*sorted(verbs)]})
    return written, explain


def _explain(explain: _Explain, at: int, what: str, verbs: Mapping[str, list[Derivation]]) -> None:
    every = tuple(dict.fromkeys(d for known in verbs.values() for d in known))
    explain[f"/rules/{at}"] = (f"kube {what}", every)
    for j, verb in enumerate(sorted(verbs)):
        explain[f"/rules/{at}/verbs/{j}"] = (f"kube {verb} {what}", tuple(verbs[verb]))


# -- inverse ----------------------------------------------------------------------


def _denote(documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
    """Every role that a binding gives to the agent's ServiceAccount."""
    account_space, _, account = envelope.subject.service_account.partition("/")
    me: Json = {"kind": "ServiceAccount", "name": account, "namespace": account_space}
    by_ref = {_identity(d): d for d in documents.values() if isinstance(d, dict)}
    kube: list[Region] = []
    urls: list[Region] = []
    for document in documents.values():
        match document:
            case {
                "kind": "RoleBinding" | "ClusterRoleBinding",
                "metadata": {**metadata},
                "roleRef": {"kind": str(kind), "name": str(name)},
                "subjects": list(subjects),
            } if me in subjects:
                space = metadata.get("namespace", "")
                role = by_ref.get((kind, str(space) if kind == "Role" else "", name))
                if role is None:
                    raise InternalError(f"a binding to {kind} {name}, which is not emitted")
                for rule in _rules(role):
                    _rule(rule, str(space), kube, urls)
            case _:
                pass
    return {"kube": KUBE.union(kube), "kube_url": KUBE_URL.union(urls)}


def _identity(document: dict[str, Json]) -> tuple[str, str, str]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return (str(document["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))


def _rules(role: dict[str, Json]) -> Iterator[dict[str, Json]]:
    rules = role.get("rules")
    for rule in rules if isinstance(rules, list) else []:
        assert isinstance(rule, dict)
        yield rule


def _texts(rule: dict[str, Json], key: str) -> list[str]:
    value = rule.get(key)
    return [str(v) for v in value] if isinstance(value, list) else []


def _rule(rule: dict[str, Json], space: str, kube: list[Region], urls: list[Region]) -> None:
    verbs = union(_covers(KUBE.axis("verb"), v) for v in _texts(rule, "verbs"))
    for url in _texts(rule, "nonResourceURLs"):
        if not space:
            urls.append(KUBE_URL.box({"verb": verbs, "url": KUBE_URL.axis("url").extent(url)}))
    names = _texts(rule, "resourceNames")
    box: dict[str, Extent] = {"verb": verbs}
    if names:
        box["name"] = union(KUBE.axis("name").extent(n) for n in names)
    for group in _texts(rule, "apiGroups"):
        for resource in _texts(rule, "resources"):
            scope = _scope(space, group, resource)
            kube.append(
                KUBE.box(
                    {
                        **box,
                        **scope,
                        "group": _covers(KUBE.axis("group"), group),
                        "resource": _covers(KUBE.axis("resource"), resource),
                    }
                )
            )


def _covers(axis: Axis, word: str) -> Extent:
    return ALL if word == "*" else axis.extent(word)


def _scope(space: str, group: str, resource: str) -> dict[str, Extent]:
    axis = KUBE.axis("namespace")
    if space:
        return {"namespace": axis.extent(space)}
    if (group, resource.partition("/")[0]) in CLUSTER_SCOPED:
        # No request for such a resource has a namespace.
        return {"namespace": axis.extent("")}
    return {}
