"""How many cases the oracles judge, and how long the recorder is tried: enough in every run, ten times as much at night."""

import os

_IS_NIGHT = os.environ.get("POLICYC_HYPOTHESIS") == "nightly"

MANY = 10_000 if _IS_NIGHT else 1_000
REVIEWS = 1_000_000 if _IS_NIGHT else 20_000
"""Of AdmissionReviews, which take the wrong turn seldom."""

STORM_SECONDS = 300 if _IS_NIGHT else 13
"""How long containers come and go."""
SWARM = 4_000 if _IS_NIGHT else 2_000
"""Short-lived containers of one template; fewer than the recorder's map has room for, should it not come to read at all."""
