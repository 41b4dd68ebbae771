"""Benches share the tests' support modules, which import each other as ``support.x``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
