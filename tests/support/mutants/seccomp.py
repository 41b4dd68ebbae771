"""Bugs of the seccomp emitter."""

from __future__ import annotations

from support.mutants.mutation import Mutation

_EMITTER = "policyc.emit.seccomp"

SECCOMP = (
    Mutation(
        "seccomp-default-allow",
        _EMITTER,
        '"defaultAction": "SCMP_ACT_ERRNO",\n        "defaultErrnoRet": ENOSYS,',
        '"defaultAction": "SCMP_ACT_ALLOW",\n        "defaultErrnoRet": ENOSYS,',
        "what the profile does not name passes",
    ),
    Mutation(
        "seccomp-default-errno",
        _EMITTER,
        '"defaultErrnoRet": ENOSYS,',
        '"defaultErrnoRet": EPERM,',
        "unknown calls fail with EPERM, so that programs do not fall back",
    ),
    Mutation(
        "seccomp-denied-allowed",
        _EMITTER,
        '{"names": [*denied], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM}',
        '{"names": [*denied], "action": "SCMP_ACT_ALLOW"}',
        "the calls that are denied pass",
    ),
    Mutation(
        "seccomp-denied-errno",
        _EMITTER,
        '"errnoRet": EPERM}',
        '"errnoRet": ENOSYS}',
        "denied calls say that the kernel does not have them",
    ),
    Mutation(
        "seccomp-all-architectures",
        _EMITTER,
        '"architectures": [SCMP_TOKENS[architecture]],',
        '"architectures": sorted(SCMP_TOKENS.values()),',
        "calls by other architectures of the processor pass by their names",
    ),
    Mutation(
        "seccomp-grants-of-others",
        _EMITTER,
        'if not box.get("architecture", wanted) & wanted:',
        "if not wanted:",
        "what is granted on one architecture passes on all",
    ),
    Mutation(
        "seccomp-first-architecture",
        _EMITTER,
        "for a in sorted(envelope.cluster.architectures))",
        "for a in sorted(envelope.cluster.architectures)[:1])",
        "nodes of the second architecture get no profile",
    ),
    Mutation(
        "seccomp-two-entries",
        _EMITTER,
        ".items() if name not in known}",
        ".items() if name}",
        "a call stands in two entries, which runtimes merge in different ways",
    ),
    Mutation(
        "seccomp-one-reason",
        _EMITTER,
        ".update(dict.fromkeys(grant.derivations))",
        ".update(dict.fromkeys(grant.derivations[:1]))",
        "a call has one of its reasons, and outlives the loss of it",
    ),
)
