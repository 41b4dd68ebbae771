"""All seeded bugs, in the order of the table in the documentation."""

from __future__ import annotations

from support.mutants.envelope import ENVELOPE
from support.mutants.generalising import GENERALISING
from support.mutants.lowering import LOWERING
from support.mutants.mutation import every
from support.mutants.network_policy import NETWORK_POLICY
from support.mutants.pod_security import POD_SECURITY
from support.mutants.rbac import RBAC
from support.mutants.seccomp import SECCOMP

MUTATIONS = tuple(
    every(LOWERING, GENERALISING, ENVELOPE, NETWORK_POLICY, SECCOMP, RBAC, POD_SECURITY)
)
