"""Real recordings of other projects, where they lie beside the checkout."""

from __future__ import annotations

import os

import pytest

from .samples import ROOT

CORPUS = ROOT.parent / "shared" / "corpus"
REDIS = CORPUS / "kubescape" / "redis"


def require() -> None:
    """Without the corpus the test fails in CI, and is skipped elsewhere: a clone alone has none."""
    if not CORPUS.is_dir():
        assert not os.environ.get("CI"), f"CI proves with real recordings, and has no {CORPUS}"
        pytest.skip("the corpus of real recordings is not beside the checkout")
