"""The emitters: one line each."""

from __future__ import annotations

from policyc.emit.base import Emitter
from policyc.emit.envelope import ENVELOPE
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.pod_security import POD_SECURITY
from policyc.emit.rbac import RBAC
from policyc.emit.seccomp import SECCOMP

EMITTERS: tuple[Emitter, ...] = (ENVELOPE, NETWORK_POLICY, POD_SECURITY, RBAC, SECCOMP)
