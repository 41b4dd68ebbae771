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

from policyc.deploy.definitions import definitions

pytestmark = pytest.mark.e2e


def applied(plane: ControlPlane, *bodies: Any) -> None:
    text = "".join(f"---\n{json.dumps(body)}\n" for body in bodies)
    plane.kubectl("apply", "--server-side", "--filename=-", stdin=text)


def test_a_build_is_stored_taken_up_and_rolled_over(plane: ControlPlane, tmp_path: Path) -> None:
    applied(plane, *definitions().values())
    names = [f"crd/{body['metadata']['name']}" for body in definitions().values()]  # type: ignore[index,call-overload]
    plane.kubectl("wait", "--for=condition=Established", *names)
    applied(plane, *built(5))
    keys = tmp_path / "bundle.pub"
    keys.write_text(f"{KEY.verifier}\n")
    webhook = Webhook(
        tmp_path,
        cluster=True,
        kubeconfig=plane.kubeconfig,
        unsigned=None,
        public_keys=[keys],
        bundle_objects=True,
    )
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
