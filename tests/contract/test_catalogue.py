"""Every case of the catalogue has a test that carries its id."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping

import pytest
from support.catalogue import AWAITED, IDS, WITHOUT_API_SERVER
from support.samples import ROOT

_CARRIED = re.compile(r"^tests/(?P<room>\w+)/.*?\[(?P<id>[A-K]\d+)(?=[-_\]])", re.MULTILINE)


@pytest.fixture(scope="module")
def rooms() -> Mapping[str, set[str]]:
    """Id -> the rooms that have a test whose id begins with it."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    found: dict[str, set[str]] = defaultdict(set)
    for match in _CARRIED.finditer(done.stdout):
        found[match["id"]].add(match["room"])
    return found


def test_every_case_has_a_test(rooms: Mapping[str, set[str]]) -> None:
    assert [i for i in IDS if i not in rooms and i not in AWAITED] == []


def test_it_is_made_on_a_real_api_server_or_said_why_not(rooms: Mapping[str, set[str]]) -> None:
    made = {i for i, where in rooms.items() if "e2e" in where}
    assert sorted({*IDS} - made - AWAITED) == sorted(WITHOUT_API_SERVER)


def test_no_test_carries_an_id_that_there_is_not(rooms: Mapping[str, set[str]]) -> None:
    assert rooms.keys() <= set(IDS)
