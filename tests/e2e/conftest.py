"""One control plane for all tests of this room, with its logs named beside each failure."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from support.control_plane import ControlPlane

_STARTED = pytest.StashKey[ControlPlane]()


@pytest.fixture(scope="session")
def plane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A running control plane with controllers and an audit log at level Metadata."""
    folder = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(folder, audit_level="Metadata") as started:
        request.config.stash[_STARTED] = started
        yield started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    started = item.config.stash.get(_STARTED, None)
    if report.failed and started is not None:
        report.sections.append(("control plane", f"logs: {started.folder}/*.log"))
    return report
