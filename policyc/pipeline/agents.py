"""The agents of a policy that a command names."""

from __future__ import annotations

from collections.abc import Iterable

from policyc.core.errors import PolicycError
from policyc.core.suggest import did_you_mean
from policyc.semantics.model import CheckedAgent, CheckedPolicy


def chosen(policy: CheckedPolicy, names: Iterable[str]) -> tuple[CheckedAgent, ...]:
    """The agents of these names, all without any; PolicycError PC7057 for one that is not there."""
    wanted = set(names)
    known = [agent.name for agent in policy.agents]
    for name in sorted(wanted - set(known)):
        hint = did_you_mean(name, known) or "`policyc list` names them"
        raise PolicycError("PC7057", f"there is no agent `{name}`", help=hint)
    return tuple(agent for agent in policy.agents if not wanted or agent.name in wanted)
