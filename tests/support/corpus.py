"""Real recordings of other projects, where they lie beside the checkout."""

from __future__ import annotations

from .needed import missing
from .samples import ROOT

CORPUS = ROOT.parent / "shared" / "corpus"
REDIS = CORPUS / "kubescape" / "redis"


def require() -> None:
    """Without the corpus the test fails in CI, and is skipped elsewhere: a clone alone has none."""
    if not CORPUS.is_dir():
        missing(f"the corpus of real recordings is not beside the checkout, at {CORPUS}")
