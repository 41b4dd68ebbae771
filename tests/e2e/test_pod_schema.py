"""The committed extract of the pod's schema is the running API server's."""

from __future__ import annotations

import json

import pytest
from support.control_plane import ControlPlane
from support.pod_schema import FILE, Json, committed, extract

pytestmark = pytest.mark.e2e


def test_the_extract_is_the_servers_own(plane: ControlPlane, golden: bool) -> None:
    paths = _document(plane, "/openapi/v3")["paths"]
    served = [_document(plane, f"/openapi/v3/{path}") for path in paths if path.count("/")]
    documents = [found for found in served if "schemas" in found.get("components", {})]
    found = extract(plane.admin.get("/version").body["gitVersion"], documents)
    if golden:
        FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == committed()


def _document(plane: ControlPlane, path: str) -> Json:
    body = plane.admin.get(path).body
    return json.loads(body) if isinstance(body, str) else body  # its content type is not JSON's
