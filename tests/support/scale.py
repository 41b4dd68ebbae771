"""How many cases the oracles judge: enough in every run, ten times as many at night."""

import os

_IS_NIGHT = os.environ.get("POLICYC_HYPOTHESIS") == "nightly"

MANY = 10_000 if _IS_NIGHT else 1_000
REVIEWS = 1_000_000 if _IS_NIGHT else 20_000
"""Of AdmissionReviews, which take the wrong turn seldom."""
