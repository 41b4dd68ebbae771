"""Envelopes as objects of a real API server: stored, watched, rolled over, cleaned up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import admission
from support.builds import KEY, built
from support.control_plane import ControlPlane
from support.webhook import Webhook, review

from policyc.deploy.configurations import NAME, Target, validating
from policyc.deploy.definitions import GROUP, PLURALS, definitions
from policyc.deploy.drift import drift

pytestmark = pytest.mark.e2e
CONFIGURATION = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{NAME}"


def applied(plane: ControlPlane, *bodies: Any) -> None:
    text = "".join(f"---\n{json.dumps(body)}\n" for body in bodies)
    plane.kubectl("apply", "--server-side", "--filename=-", stdin=text)


@pytest.fixture
def defined(plane: ControlPlane) -> ControlPlane:
    """With the two kinds served, and no object of them."""
    applied(plane, *definitions().values())
    names = [f"crd/{plural}.{GROUP}" for plural in PLURALS]
    plane.kubectl("wait", "--for=condition=Established", *names)
    plane.kubectl("delete", ",".join(PLURALS), "--all")
    return plane


def from_objects(plane: ControlPlane, folder: Path, **flags: object) -> Webhook:
    keys = folder / "bundle.pub"
    keys.write_text(f"{KEY.verifier}\n")
    return Webhook(
        folder,
        cluster=True,
        kubeconfig=plane.kubeconfig,
        unsigned=None,
        public_keys=[keys],
        bundle_objects=True,
        **flags,
    )


def test_without_a_build_the_configurations_are_left_alone(
    defined: ControlPlane, tmp_path: Path
) -> None:
    """Guarded with no bundle, they would say that no namespace has agents."""
    kept = validating(Target(("agents",), url="https://127.0.0.1:1"))
    applied(defined, kept)
    webhook = from_objects(defined, tmp_path, guard=True)
    try:
        webhook.daemon.start()
        webhook.wait_until(lambda: "none that a known key signed" in probed(webhook))
        webhook.daemon.stop()
        assert drift(defined.admin.get(CONFIGURATION).body, kept) == ()
        applied(defined, *built(5))
        webhook.start()
        webhook.wait_until(lambda: drift(defined.admin.get(CONFIGURATION).body, kept))
        live = defined.admin.get(CONFIGURATION).body
        fields = {field.rpartition(".")[2] for field in drift(live, kept)}
        assert fields == {"clientConfig"}, "its own address"
    finally:
        webhook.daemon.stop()
        kinds = "validatingwebhookconfiguration,mutatingwebhookconfiguration"
        defined.kubectl("delete", kinds, NAME)


def probed(webhook: Webhook) -> str:
    try:
        return webhook.probe("/readyz")[1]
    except OSError:
        return ""


def test_a_build_is_stored_taken_up_and_rolled_over(defined: ControlPlane, tmp_path: Path) -> None:
    plane = defined
    applied(plane, *built(5))
    webhook = from_objects(plane, tmp_path)
    asked = review(admission.request(admission.pod()))
    with webhook:
        assert webhook.metric("policyc_bundle_serial") == 5
        before = webhook.post(asked).response["auditAnnotations"]["bundle"]
        applied(plane, *built(6))
        webhook.wait_until(lambda: webhook.metric("policyc_bundle_serial") == 6)
        assert webhook.post(asked).response["auditAnnotations"]["bundle"] != before
        plane.kubectl("delete", "agentenvelopes,envelopebundles", "--selector=policyc.dev/serial=5")
        left = plane.kubectl("get", "agentenvelopes,envelopebundles", "--output=name").stdout
        assert len(left.split()) == len(built(6))
        assert webhook.metric("policyc_bundle_healthy") == 1
        assert webhook.metric("policyc_bundle_refusals") == 0
        webhook.daemon.stop()
        webhook.start()
        assert webhook.metric("policyc_bundle_serial") == 6
