"""Envelopes of every form, for Hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Approval, ClusterFacts, Envelope, ManagedRef, Pin, PodSecurity
from support.envelopes import envelope
from support.regions import regions


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Envelopes of all forms: any domain, any subject, any facts beside."""
    base = envelope(draw(st.randoms(use_true_random=False)), ("amd64", "arm64"))
    drawn = draw(st.lists(st.sampled_from(sorted(DOMAINS)), unique=True, max_size=4))
    regions_ = {name: draw(regions(DOMAINS[name])) for name in drawn}
    subject = base.subject
    if draw(st.booleans()):
        managed = ManagedRef("bedrock", draw(st.text(st.characters(codec="utf-8"), max_size=8)))
        subject = replace(subject, workload=None, managed=managed, service_account="")
    elif subject.workload is not None:
        workload = replace(subject.workload, is_init=draw(st.booleans()))
        subject = replace(subject, workload=workload)
    return replace(
        base,
        subject=subject,
        domains={**base.domains, **regions_},
        approvals=tuple(Approval(name, r, "lead@corp.example") for name, r in regions_.items()),
        delegates=tuple(sorted(draw(st.sets(st.sampled_from("abc"))))),
        pod=PodSecurity(
            draw(st.sampled_from(("restricted", "baseline"))),
            draw(st.booleans()),
            draw(st.none() | st.integers(1, 1 << 31)),
            draw(st.sampled_from(("", "gvisor"))),
        ),
        cluster=draw(st.sampled_from((base.cluster, ClusterFacts(None, ())))),
        pins=tuple(
            Pin("web", tool, "sha256:" + tool * 64)
            for tool in sorted(draw(st.sets(st.sampled_from("abc"))))
        ),
    )
