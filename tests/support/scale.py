"""How many cases the oracles judge: enough in every run, ten times as many at night."""

import os

MANY = 10_000 if os.environ.get("POLICYC_HYPOTHESIS") == "nightly" else 1_000
