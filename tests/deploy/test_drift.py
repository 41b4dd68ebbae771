"""Every field of a webhook configuration that is changed is seen, and what is restored is what was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.webhooks import configuration, entry

from policyc.deploy.drift import authority, drift, restored

Json = Any  # configurations to change
FIELDS = sorted({field for e in configuration()["webhooks"] for field in e} - {"name"})


def test_what_is_wanted_does_not_drift() -> None:
    """Nor when the server writes its defaults out."""
    live = configuration()
    for one in live["webhooks"]:
        one.setdefault("matchConditions", [])
    assert drift(live, configuration()) == ()


@pytest.mark.parametrize("field", [pytest.param(f, id=f"J2-{f}") for f in FIELDS])
def test_each_field(field: str) -> None:
    for name in [e["name"].partition(".")[0] for e in configuration()["webhooks"]]:
        live = configuration()
        entry(live, name).pop(field, None)
        if drift(live, configuration()):
            assert drift(live, configuration()) == (f"{name}.policyc.dev.{field}",)
        entry(live, name)[field] = "changed"
        assert drift(live, configuration()) == (f"{name}.policyc.dev.{field}",)


def test_entries_that_are_gone_added_or_in_another_order() -> None:
    live = configuration()
    gone = live["webhooks"].pop(0)
    assert drift(live, configuration()) == (gone["name"],)
    live["webhooks"] += [gone, {**copy.deepcopy(gone), "name": "more.policyc.dev"}]
    assert drift(live, configuration()) == ("more.policyc.dev",)
    live["webhooks"].pop()
    assert drift(live, configuration()) == ("order",)
    assert drift({}, configuration())


def test_what_is_restored_is_the_wanted_object_at_the_live_version() -> None:
    live = {"metadata": {"name": "policyc", "resourceVersion": "7"}, "webhooks": []}
    body = restored(live, configuration())
    assert drift(body, configuration()) == ()
    assert body["metadata"]["resourceVersion"] == "7"  # type: ignore[index,call-overload]  # an object
    assert (authority(configuration()), authority(live)) == ("Q0E=", "")
