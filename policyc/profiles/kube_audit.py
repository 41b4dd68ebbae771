"""The API server's audit log: ``audit.k8s.io/v1`` events, one JSON object a line.

One ``auditID`` is one request, whatever the number of its stages.  A request that was
refused grants nothing.  The log knows users, not containers: a profile is about a
ServiceAccount.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from policyc.core.canonical import Json, canonical_json, digest
from policyc.core.diagnostics import Diagnostic, Outcome, Severity
from policyc.profiles.base import AgentProfile, Item, Run, Value, fault, join_items

name = "kube-audit"

_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_REASON = re.compile(
    r'allowed by (ClusterRoleBinding|RoleBinding) "([^"]+)"(?: of (ClusterRole|Role) "([^"]+)")?'
)
"""k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac (clusterRoleBindingDescriber, roleBindingDescriber)."""

_STAGE_ORDER = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


def sniff(head: Json) -> bool:
    return isinstance(head, dict) and str(head.get("apiVersion", "")).startswith("audit.k8s.io/")


def read(label: str, documents: list[Json]) -> Outcome[tuple[AgentProfile, ...]]:
    """A profile for each ServiceAccount that had a request granted."""
    requests: dict[str, tuple[dict[str, Json], str]] = {}
    found: list[Diagnostic] = []
    for event, pointer in _events(documents):
        version = event.get("apiVersion")
        if version not in ("audit.k8s.io/v1", None):
            hint = "set the audit backend to audit.k8s.io/v1"
            found.append(
                fault(label, "PC5002", f"the event version `{version}` is not known", hint)
            )
            continue
        audit_id = str(event.get("auditID", pointer))
        known = requests.get(audit_id)
        if known is None or _stage(event) >= _stage(known[0]):
            requests[audit_id] = (event, pointer)
    by_account: dict[str, list[Item]] = {}
    skipped = 0
    run = Run("audit-" + digest(canonical_json([*sorted(requests)]))[7:23])
    for event, pointer in requests.values():
        account = _account(event)
        if account is None or not _is_granted(event):
            skipped += 1
            continue
        by_account.setdefault(account, []).append(_item(event, pointer, run))
    if skipped:
        found.append(
            Diagnostic(
                "PC5006",
                f"`{label}`: {skipped} of {len(requests)} requests were refused or not made by a ServiceAccount",
                path=label,
                severity=Severity.NOTE,
            )
        )
    profiles = tuple(
        AgentProfile(None, account, name, "v1", (run,), {"kube": join_items(items)})
        for account, items in sorted(by_account.items())
    )
    return Outcome(profiles, found)


def _events(documents: list[Json]) -> Iterator[tuple[dict[str, Json], str]]:
    for at, document in enumerate(documents):
        if not isinstance(document, dict):
            continue
        items = document.get("items")
        if document.get("kind") == "EventList" and isinstance(items, list):
            for i, item in enumerate(items):
                if isinstance(item, dict):
                    yield item, f"/{at}/items/{i}"
        else:
            yield document, f"/{at}"


def _stage(event: dict[str, Json]) -> int:
    stage = event.get("stage")
    return _STAGE_ORDER.index(stage) if isinstance(stage, str) and stage in _STAGE_ORDER else 0


def _account(event: dict[str, Json]) -> str | None:
    """The ServiceAccount that the request counts for: the impersonated user's, if there is one."""
    user = event.get("impersonatedUser") or event.get("user")
    username = user.get("username") if isinstance(user, dict) else None
    match = _ACCOUNT.fullmatch(str(username))
    return f"{match[1]}/{match[2]}" if match else None


def _is_granted(event: dict[str, Json]) -> bool:
    """The authorizer's own word where the event has it; else any answer but 401 and 403."""
    annotations = event.get("annotations")
    decision = (
        annotations.get("authorization.k8s.io/decision") if isinstance(annotations, dict) else None
    )
    if decision is not None:
        return decision == "allow"
    status = event.get("responseStatus")
    code = status.get("code") if isinstance(status, dict) else None
    return isinstance(code, int) and code not in (401, 403)


def _item(event: dict[str, Json], pointer: str, run: Run) -> Item:
    ref = event.get("objectRef")
    values: list[tuple[str, Value]] = [("verb", str(event.get("verb", "")))]
    uri = urlsplit(str(event.get("requestURI", "")))
    if isinstance(ref, dict):
        resource = str(ref.get("resource", ""))
        if ref.get("subresource"):
            resource += f"/{ref['subresource']}"
        values += [("group", str(ref.get("apiGroup", ""))), ("resource", resource)]
        if ref.get("namespace"):
            values.append(("namespace", str(ref["namespace"])))
        named = str(ref.get("name", "")) or _field_selected(uri.query)
        if event.get("verb") == "create" and not ref.get("subresource"):
            # The log fills the name in from the object; the authorizer was asked without one
            # (k8s.io/apiserver pkg/audit/request.go, LogRequestObject).
            named = ""
        if named:
            values.append(("name", named))
    else:
        values.append(("url", uri.path))
    binding = _binding(event)
    if binding:
        values.append(("grantedBy", binding))
    moment = str(event.get("requestReceivedTimestamp") or event.get("timestamp") or "")
    when = moment[:19] + "Z" if len(moment) >= 20 else ""
    return Item(tuple(values), frozenset({run.id}), "application", when, when, 1, pointer)


def _field_selected(query: str) -> str:
    """The name of a list or watch of one object: ``fieldSelector=metadata.name=x``."""
    for selector in parse_qs(query).get("fieldSelector", []):
        for term in selector.split(","):
            key, _, value = term.partition("=")
            if key == "metadata.name":
                return value.removeprefix("=")
    return ""


def _binding(event: dict[str, Json]) -> str:
    """``KIND NAME of KIND NAME``: the binding and its role; empty when the event does not say."""
    annotations = event.get("annotations")
    reason = (
        annotations.get("authorization.k8s.io/reason") if isinstance(annotations, dict) else None
    )
    match = _REASON.search(str(reason))
    if match is None:
        return ""
    return f"{match[1]} {match[2]}" + (f" of {match[3]} {match[4]}" if match[3] else "")
