"""Signals: what shows an attack, each about the fields of one kind of record.

A signal fires on a record for which all of its conditions hold.  An ``alarm`` is a detector:
its condition holds as long as it stays silent.  A ``trace`` is instrumentation: its condition
holds where it is heard.  Both must fire on a replay of the attack, or a closure rests on
a signal that would never see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # audit.k8s.io/v1 Event: kubernetes.io/docs/reference/config-api/apiserver-audit.v1, 1.34.
        "kube-audit": (
            "annotations.authorization.k8s.io/decision",
            "annotations.authorization.k8s.io/reason",
            "level",
            "objectRef.apiGroup",
            "objectRef.name",
            "objectRef.namespace",
            "objectRef.resource",
            "objectRef.subresource",
            "requestURI",
            "responseStatus.code",
            "sourceIPs",
            "stage",
            "user.groups",
            "user.username",
            "userAgent",
            "verb",
        ),
        # The recorder's syscalls and executables (docs/reference/profile.md); `action` as in
        # the kernel's SECCOMP audit records: seccomp(2), "Seccomp logging".
        "syscall": ("action", "architecture", "executable", "name", "path", "phase"),
        # What an enforcer says of an attempt against the envelope: a domain of
        # docs/explanation/envelope.md, the item, and whether it was inside.
        "envelope": ("action", "domain", "enforcer", "item", "within"),
        # OpenTelemetry semantic conventions for generative AI 1.37: gen_ai.agent.name,
        # gen_ai.operation.name, gen_ai.tool.name, gen_ai.request.model; the rest is the
        # callback's: LangGraph, CrewAI and AutoGen name transitions by source and target.
        "sdk": (
            "approved",
            "approver",
            "callback",
            "framework",
            "model",
            "model.expected",
            "operation",
            "reviewed",
            "source",
            "store",
            "target",
            "tool",
        ),
        # AWS CloudTrail record contents, event version 1.11; GKE's and Azure's logs are mapped
        # to the same names by whoever records them.
        "iam": (
            "errorCode",
            "eventName",
            "eventSource",
            "requestParameters.roleArn",
            "sourceIPAddress",
            "userIdentity.arn",
            "userIdentity.type",
        ),
        # Model Context Protocol 2025-06-18, method names of its JSON-RPC messages; `digest` is of
        # the description, `pinned` what the policy says of it, `signature` of the image's.
        "mcp": (
            "digest",
            "direction",
            "method",
            "pinned",
            "resource",
            "scope",
            "server",
            "signature",
            "tool",
        ),
    }
)
"""Kind of record -> the fields that a record of it may have."""

KINDS = tuple(FIELDS)


@dataclass(frozen=True, slots=True)
class Condition:
    """``field`` is (or, ``is_equal`` false, is present and is not) one of the values."""

    field: str
    is_equal: bool
    values: tuple[str, ...]

    def holds(self, fields: Mapping[str, str]) -> bool:
        found = fields.get(self.field)
        return found is not None and (found in self.values) is self.is_equal


@dataclass(frozen=True, slots=True)
class Signal:
    """A named signal; ``is_alarm``: silence is what its name promises."""

    name: str
    kind: str
    says: str
    conditions: tuple[Condition, ...]
    is_alarm: bool = True

    def hears(self, kind: str, fields: Mapping[str, str]) -> bool:
        """Whether a record of this kind with these fields could show it, so that silence means something."""
        return kind == self.kind and all(one.field in fields for one in self.conditions)

    def fires(self, kind: str, fields: Mapping[str, str]) -> bool:
        """Whether a record of this kind with these fields shows it."""
        return (
            kind == self.kind
            and bool(self.conditions)
            and all(condition.holds(fields) for condition in self.conditions)
        )


def _is(field: str, *values: str) -> Condition:
    return Condition(field, True, values)


def _is_not(field: str, *values: str) -> Condition:
    return Condition(field, False, values)


_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_READS = ("get", "list", "watch")
_SHELLS = ("/bin/sh", "/bin/bash", "/bin/dash", "/usr/bin/sh", "/usr/bin/bash", "/bin/busybox")
_NAMESPACE_CALLS = ("unshare", "setns", "mount", "pivot_root", "move_mount", "open_tree", "fsopen")

_ROWS = (
    # -- mcp
    Signal(
        "mcp.manifest.unchanged",
        "mcp",
        "a server lists a tool whose description is not the pinned one",
        (_is("method", "tools/list"), _is("pinned", "changed", "missing")),
    ),
    Signal(
        "mcp.server.signed",
        "mcp",
        "a server runs an image without a signature that verifies",
        (_is("method", "initialize"), _is_not("signature", "verified")),
    ),
    Signal(
        "mcp.call.logged",
        "mcp",
        "a tool call is in the server's or gateway's log",
        (_is("method", "tools/call"), _is_not("tool", "")),
        is_alarm=False,
    ),
    Signal(
        "mcp.scope.bound",
        "mcp",
        "a call bears a token that is not bound to the server's resource (RFC 8707)",
        (_is("method", "tools/call"), _is("scope", "unbound", "passthrough")),
    ),
    Signal(
        "mcp.server.unknown.none",
        "mcp",
        "a session with a server that no policy declares",
        (_is("method", "initialize"), _is("pinned", "undeclared")),
    ),
    # -- envelope
    Signal(
        "envelope.deviation.none",
        "envelope",
        "the agent did, or tried, what its envelope does not permit",
        (_is("within", "false"),),
    ),
    Signal(
        "envelope.enforced",
        "envelope",
        "an enforcer refused what the envelope does not permit",
        (_is("within", "false"), _is("action", "denied")),
        is_alarm=False,
    ),
    Signal(
        "egress.denied.logged",
        "envelope",
        "a connection outside of the envelope was refused and logged",
        (
            _is("domain", "egress_ip", "egress_host", "egress_peer"),
            _is("within", "false"),
            _is("action", "denied"),
        ),
        is_alarm=False,
    ),
    Signal(
        "metadata.access.none",
        "envelope",
        "a connection to a cloud metadata service",
        (
            _is("domain", "egress_ip"),
            _is("item", "169.254.169.254", "fd00:ec2::254", "169.254.170.2"),
        ),
    ),
    # -- sdk
    Signal(
        "sdk.callback.received",
        "sdk",
        "the framework's callback reports a step of the agent",
        (_is_not("callback", ""),),
        is_alarm=False,
    ),
    Signal(
        "sdk.approval.recorded",
        "sdk",
        "a gated tool was called, and the answer of a person is recorded",
        (_is("callback", "approval"), _is("approved", "true", "false"), _is_not("approver", "")),
        is_alarm=False,
    ),
    Signal(
        "sdk.approval.missing.none",
        "sdk",
        "a gated tool was called and no person was asked",
        (_is("callback", "tool"), _is("approved", "missing")),
    ),
    Signal(
        "sdk.transition.logged",
        "sdk",
        "work moves from one agent of a graph, crew or chat to another",
        (_is("callback", "transition"), _is_not("source", ""), _is_not("target", "")),
        is_alarm=False,
    ),
    Signal(
        "memory.write.reviewed",
        "sdk",
        "a store was written to and nobody reviewed the entry",
        (_is("callback", "memory"), _is("operation", "write"), _is_not("reviewed", "true")),
    ),
    Signal(
        "model.version.pinned",
        "sdk",
        "another model answers than the one that was asked for",
        (_is("callback", "model"), _is("model.expected", "false")),
    ),
    # -- kube-audit
    Signal(
        "audit.secret.read.none",
        "kube-audit",
        "a Secret is read through the API",
        (_is("objectRef.resource", "secrets"), _is("verb", *_READS)),
    ),
    Signal(
        "audit.token.request.none",
        "kube-audit",
        "a ServiceAccount's token is requested",
        (_is("objectRef.resource", "serviceaccounts"), _is("objectRef.subresource", "token")),
    ),
    Signal(
        "audit.exec.none",
        "kube-audit",
        "somebody reaches into a pod",
        (
            _is("objectRef.resource", "pods"),
            _is("objectRef.subresource", "exec", "attach", "portforward", "ephemeralcontainers"),
        ),
    ),
    Signal(
        "audit.rbac.unchanged",
        "kube-audit",
        "a role or binding is changed",
        (
            _is("objectRef.apiGroup", "rbac.authorization.k8s.io"),
            _is("verb", *_WRITES),
        ),
    ),
    Signal(
        "audit.kubelet.access.none",
        "kube-audit",
        "the kubelet is reached through the API server",
        (_is("objectRef.resource", "nodes"), _is("objectRef.subresource", "proxy")),
    ),
    Signal(
        "audit.admission.unchanged",
        "kube-audit",
        "a webhook configuration is changed",
        (
            _is("objectRef.apiGroup", "admissionregistration.k8s.io"),
            _is("verb", *_WRITES),
        ),
    ),
    Signal(
        "image.signature.verified",
        "kube-audit",
        "the creation of a pod was refused, as admission does for an image that does not verify",
        (
            _is("objectRef.resource", "pods"),
            _is("verb", "create"),
            _is("responseStatus.code", "403"),
        ),
        is_alarm=False,
    ),
    # -- iam
    Signal(
        "iam.role.unchanged",
        "iam",
        "the policies or trust of a cloud role are changed",
        (
            _is("eventSource", "iam.amazonaws.com"),
            _is(
                "eventName",
                "AttachRolePolicy",
                "PutRolePolicy",
                "UpdateAssumeRolePolicy",
                "CreatePolicyVersion",
            ),
        ),
    ),
    Signal(
        "iam.assume.none",
        "iam",
        "a role is assumed with a token of the cluster",
        (
            _is("eventSource", "sts.amazonaws.com"),
            _is("eventName", "AssumeRole", "AssumeRoleWithWebIdentity"),
        ),
    ),
    # -- syscall
    Signal(
        "syscall.denied.none",
        "syscall",
        "seccomp refused a syscall",
        (_is("action", "errno", "kill_process", "kill_thread", "log", "denied"),),
    ),
    Signal(
        "syscall.exec.shell.none",
        "syscall",
        "the agent starts a shell",
        (_is("name", "execve", "execveat"), _is("path", *_SHELLS)),
    ),
    Signal(
        "syscall.namespace.none",
        "syscall",
        "a call that enters, leaves or mounts namespaces after set-up",
        (_is("name", *_NAMESPACE_CALLS), _is_not("phase", "setup")),
    ),
    Signal(
        "syscall.kernel.none",
        "syscall",
        "a call that loads code into the kernel or reads other processes",
        (
            _is(
                "name",
                "bpf",
                "finit_module",
                "init_module",
                "kexec_load",
                "ptrace",
                "process_vm_readv",
                "process_vm_writev",
                "keyctl",
                "userfaultfd",
            ),
            _is_not("phase", "setup"),
        ),
    ),
)

SIGNALS: Mapping[str, Signal] = MappingProxyType({signal.name: signal for signal in _ROWS})
"""The signals that every policy may name; a policy may declare more."""
