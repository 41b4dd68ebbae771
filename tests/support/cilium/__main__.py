"""``python -m tests.support.cilium``: build Cilium into the user's cache, once."""

import os

from .programs import build

print(build(os.environ))
