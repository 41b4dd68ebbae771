"""One cluster and one webhook for all cases of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.guarded import Guarded


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The example cluster, whose API server asks the webhook."""
    with Guarded(tmp_path_factory.mktemp("guarded")) as started:
        yield started
