"""The committed extracts of the pod's schema and of what is served are the running API server's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import pod_schema, served
from support.control_plane import ControlPlane

pytestmark = pytest.mark.e2e
Json = pod_schema.Json


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that serves all versions of all of its groups."""
    folder = tmp_path_factory.mktemp("everything")
    flags = served.EVERYTHING
    with ControlPlane(folder, controllers=False, api_server_flags=flags) as started:
        yield started


@pytest.mark.parametrize("name", ["plane", "everything"])
def test_the_extract_is_the_servers_own(
    name: str, request: pytest.FixtureRequest, golden: bool
) -> None:
    """Pods have no fields, and nothing holds a pod, that a server with all features does not show."""
    plane: ControlPlane = request.getfixturevalue(name)
    paths = _document(plane, "/openapi/v3")["paths"]
    parts = [_document(plane, f"/openapi/v3/{path}") for path in paths if path.count("/")]
    documents = [found for found in parts if "schemas" in found.get("components", {})]
    found = pod_schema.extract(_version(plane), documents)
    _compare(found, pod_schema.committed, pod_schema.FILE, golden=golden)


def test_what_is_served_is_the_servers_own(everything: ControlPlane, golden: bool) -> None:
    paths = [("", "/api/v1")] + [
        (group["name"], f"/apis/{version['groupVersion']}")
        for group in _document(everything, "/apis")["groups"]
        for version in group["versions"]
    ]
    lists = [(group, _document(everything, path)) for group, path in paths]
    found = served.extract(_version(everything), lists)
    _compare(found, served.committed, served.FILE, golden=golden)


def _compare(found: Json, committed: Json, file: Path, *, golden: bool) -> None:
    if golden:
        file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == committed()


def _version(plane: ControlPlane) -> str:
    return str(plane.admin.get("/version").body["gitVersion"])


def _document(plane: ControlPlane, path: str) -> Json:
    body = plane.admin.get(path).body
    return json.loads(body) if isinstance(body, str) else body  # its content type is not JSON's
