"""What a counterexample shows lies in its region, and a region that people can point into shows one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.regions import points, regions

from policyc.envelope.domains import DOMAINS, EGRESS_HOST, EXEC
from policyc.envelope.region import Domain
from policyc.envelope.witness import witness


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=str)
@given(data=st.data())
def test_a_witness_lies_in_its_region(domain: Domain, data: st.DataObject) -> None:
    region = data.draw(regions(domain))
    found = witness(region)
    assert found is None or found in region
    assert (found is not None) or data.draw(points(domain)) not in region


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=str)
def test_everything_and_nothing(domain: Domain) -> None:
    assert witness(domain.full) is not None
    assert witness(domain.empty) is None


def test_texts_that_are_no_element_are_no_witness() -> None:
    """All host names, and all paths, taken out: what is left are texts that nobody can name."""
    hosts = EGRESS_HOST.axis("host")
    every = hosts.parse(["*"]) - hosts.parse(["example.com"])
    assert witness(EGRESS_HOST.box({"host": every})) is not None
    relative = EXEC.full - EXEC.written({"path": "/**"})
    assert witness(relative) is None
