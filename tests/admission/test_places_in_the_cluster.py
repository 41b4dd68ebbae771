"""Where a name of the cluster leads: Services, what is known of their namespaces, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.admission import bundle, judge, reasons, request, view
from support.cases.lists import with_env
from support.widening import without

from policyc.admission.readings import holds_endpoint
from policyc.admission.requested import Endpoint
from policyc.admission.view import Kind, View
from policyc.envelope.domains import DOMAINS, EGRESS_PEER

SERVICE, NAMESPACE = ("", "Service"), ("", "Namespace")
URLS = ("http://web.mcp:8080/mcp", "http://web.mcp.svc:8080/mcp", "http://web.mcp.svc.cluster.local:8080/mcp")  # fmt: skip


def verdict_on(url: str, at: View) -> set[str]:
    return reasons(judge(request(with_env(API_URL=url)), at))


@pytest.mark.parametrize("url", URLS)
def test_a_namespace_has_its_name_whether_it_is_shown_or_not(url: str) -> None:
    assert verdict_on(url, view()) == set()
    assert verdict_on(url, without("Namespace")) == set()
    assert verdict_on(url.replace("web", "other"), without("Namespace")) == {"EGRESS"}
    assert verdict_on(url.replace("8080", "8081"), without("Namespace")) == {"EGRESS"}


@pytest.mark.parametrize("url", URLS)
def test_what_is_not_known_is_not_called_an_excess(url: str) -> None:
    assert verdict_on(url, View({}, frozenset({SERVICE, NAMESPACE}))) >= {"STATE_UNKNOWN"}
    stale = View(view().objects, frozenset({SERVICE}))
    assert verdict_on(url, stale) == {"STATE_UNKNOWN"}
    assert verdict_on("https://api.example.com", stale) == set()
    assert verdict_on("https://paste.example.net", stale) == {"EGRESS"}
    assert verdict_on("http://10.96.0.9:8080", stale) == {"STATE_UNKNOWN"}


def test_a_service_that_is_not_there_is_to_be_made_and_not_to_be_permitted() -> None:
    at = without("Service")
    (finding,) = judge(request(with_env(API_URL=URLS[1])), at).denials
    assert finding.reason == "EGRESS"
    assert finding.change.startswith("create Service `mcp/web` first")
    (outside,) = judge(request(with_env(API_URL="https://paste.example.net")), at).denials
    assert "to permit it takes an `allow` line" in outside.change


@pytest.mark.parametrize("port", [8080, None])
@pytest.mark.parametrize(
    ("unknown", "holds"), [(frozenset[Kind](), True), (frozenset({NAMESPACE}), False)]
)
def test_other_labels_of_a_namespace_count_where_they_are_known(
    port: int | None, unknown: frozenset[Kind], holds: bool
) -> None:
    """Of a Service in a namespace `mcp` that the policy chooses by its label `team`."""
    at = view({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mcp", "labels": {"team": "x"}}})  # fmt: skip
    own = bundle().agents["research"].envelope
    peers = EGRESS_PEER.box({"namespace:team": EGRESS_PEER.axis("namespace:team").single("=x")})
    envelope = replace(
        own, domains={**{name: own.domains[name] for name in DOMAINS}, "egress_peer": peers}
    )
    place = Endpoint(host="web.mcp.svc", port=port)
    assert holds_endpoint(envelope, place, "agents", View(at.objects, unknown)) is holds
