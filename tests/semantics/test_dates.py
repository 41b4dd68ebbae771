"""An allowance with an end date holds through that day, and no longer."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import policy

from policyc.core.diagnostics import Diagnostic, Severity
from policyc.envelope.codec import encode
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Direction, Observed, PeerSeen, Sighting
from policyc.envelope.provenance import Evidence, Step
from policyc.lower import lower
from policyc.semantics.model import CheckedPolicy

END = date(2026, 12, 31)
NOTHING = Observed(())
SEEN = Observed(
    (
        PeerSeen(
            Direction.EGRESS,
            "tcp",
            443,
            "192.0.2.7",
            sighting=Sighting((Evidence("r.json", "/x/0"),)),
        ),
    )
)
POINT = {"protocol": "tcp", "port": "443", "address": "192.0.2.7"}
DATED = f'allow egress tcp 443 to cidr 192.0.2.0/24 until {END} because "R-1"'
LASTING = 'allow egress tcp 443 to cidr 192.0.2.0/25 because "R-2"'


def on(
    day: date, checked: CheckedPolicy, observed: Observed = NOTHING
) -> tuple[Envelope, list[Diagnostic]]:
    outcome = lower(checked.agents[0], observed, checked, as_of=day)
    return outcome.value, outcome.diagnostics


DAYS = {
    "long before": (date(2020, 1, 1), True),
    "the day before": (END - timedelta(days=1), True),
    "the day itself": (END, True),
    "the day after": (END + timedelta(days=1), False),
    "long after": (date(2099, 1, 1), False),
}


def test_before_on_and_after_the_end() -> None:
    checked = policy(lines=DATED)
    for name, (day, granted) in DAYS.items():
        envelope, found = on(day, checked)
        assert (POINT in envelope.domains["egress_ip"]) == granted, name
        assert [d.code for d in found] == ([] if granted else ["PC4006"]), name


def test_the_finding_names_the_line_and_its_end() -> None:
    _, (finding,) = on(END + timedelta(days=1), policy(lines=DATED))
    assert finding.severity is Severity.WARNING
    assert finding.span is not None
    assert finding.span.text.startswith("egress tcp 443 to cidr 192.0.2.0/24")
    assert str(END) in finding.message
    assert finding.help


def test_the_reason_of_a_grant_carries_its_end() -> None:
    envelope, _ = on(END, policy(lines=DATED))
    (grant,) = envelope.grants["egress_ip"]
    (reason,) = grant.derivations
    assert reason.step is Step.ALLOWED
    assert reason.note == f"R-1 (until {END})"


def test_an_ended_line_is_as_if_it_were_not_there() -> None:
    after = END + timedelta(days=1)
    without, _ = on(after, policy(lines=LASTING))
    both, found = on(after, policy(lines=f"{DATED}\n  {LASTING}"))
    assert encode(both)["digest"] == encode(without)["digest"]
    assert [d.code for d in found] == ["PC4006"]


@settings(max_examples=25)
@given(st.lists(st.dates(date(2026, 1, 1), date(2027, 12, 31)), min_size=1, max_size=4), st.data())
def test_as_days_pass_dated_grants_only_go(ends: list[date], data: st.DataObject) -> None:
    lines = [
        f'allow egress tcp {port} to cidr 192.0.2.0/24 until {end} because "R-1"'
        for port, end in enumerate(ends, start=1)
    ]
    checked = policy(lines="\n  ".join(lines))
    day = data.draw(st.dates(date(2025, 12, 1), date(2028, 1, 31)))
    now, found = on(day, checked)
    later, _ = on(day + timedelta(days=1), checked)
    granted = {
        port
        for port, _ in enumerate(ends, start=1)
        if {**POINT, "port": str(port)} in now.domains["egress_ip"]
    }
    assert granted == {port for port, end in enumerate(ends, start=1) if day <= end}
    assert len(found) == len(ends) - len(granted)
    assert later.domains["egress_ip"] <= now.domains["egress_ip"]


def test_another_reason_keeps_what_an_ended_line_granted() -> None:
    wide = 'allow egress tcp 443 to cidr 192.0.2.0/24 because "R-2"'
    envelope, found = on(END + timedelta(days=1), policy(lines=f"{DATED}\n  {wide}"))
    assert POINT in envelope.domains["egress_ip"]
    assert [d.code for d in found] == ["PC4006"]


@settings(max_examples=25)
@given(
    st.lists(st.dates(date(2026, 6, 1), date(2026, 6, 9)), min_size=1, max_size=4),
    st.dates(date(2026, 5, 31), date(2026, 6, 10)),
    st.integers(0, 10),
)
def test_an_envelope_knows_its_own_future(ends: list[date], built: date, later: int) -> None:
    """What it says of a later day is what a build on that day would say."""
    lines = [
        f'allow egress tcp {443 + at % 2} to cidr 192.0.{4 * at}.0/22 until {end} because "R-1"'
        for at, end in enumerate(ends)
    ]
    checked = policy(lines="\n  ".join([*lines, LASTING]))
    day = built + timedelta(days=later)
    then, now = on(day, checked)[0], on(built, checked)[0]
    assert now.on(str(day)).domains == then.domains
    assert now.on(str(day)).expiries == then.expiries


def test_what_was_observed_goes_on_and_is_said_before_and_after_the_end() -> None:
    checked = policy(lines=DATED)
    for name, (day, stands) in DAYS.items():
        envelope, (finding,) = on(day, checked, SEEN)
        assert POINT in envelope.domains["egress_ip"], name
        assert finding.code == ("PC4016" if stands else "PC4006"), name
        assert "the observation `r.json#/x/0`, in part" in finding.message, name
        assert "nothing any more" not in finding.message
        assert f"`deny {DATED.removeprefix('allow ').partition(' until')[0]}`" in (
            finding.help or ""
        )


def test_the_help_ends_it() -> None:
    deny = f"deny {DATED.removeprefix('allow ').partition(' until')[0]}"
    envelope, found = on(END + timedelta(days=1), policy(lines=f'  {deny} because "R-3"'), SEEN)
    assert POINT not in envelope.domains["egress_ip"]
    assert {d.code for d in found} == {"PC4010"}


def test_another_line_that_keeps_it_is_named() -> None:
    _, (finding,) = on(END + timedelta(days=1), policy(lines=f"{DATED}\n  {LASTING}"))
    assert "is still granted, by `p.agentpol:" in finding.message
    assert "in part" in finding.message


def test_a_line_about_several_domains_is_said_once() -> None:
    line = f'allow egress tcp 443 to cidr 192.0.2.0/24, host a.example until {END} because "R-1"'
    for seen, says in ((NOTHING, "nothing any more"), (SEEN, "still granted")):
        _, (finding,) = on(END + timedelta(days=1), policy(lines=line), seen)
        assert says in finding.message


def test_a_review_of_a_day_that_has_not_come_is_none() -> None:
    cap = "    egress * * to anywhere\n    tool tracker: read\n"
    used = policy(cap, lines='allow tool tracker: read because "R-4"')
    spare = policy(cap)
    reviewed = date(2026, 8, 1)
    for ahead, is_told in ((-30, False), (0, False), (1, False), (2, True), (900, True)):
        day = reviewed - timedelta(days=ahead)
        _, found = on(day, used)
        assert [d.code for d in found] == ["PC3011"] * is_told, ahead
        assert all(d.severity is Severity.ERROR and "2026-08-01" in d.message for d in found)
        assert on(day, spare)[1] == []
