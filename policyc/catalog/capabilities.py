"""Linux capabilities, without their CAP_ prefix: capabilities(7), Linux 6.18."""

from __future__ import annotations

from collections.abc import Mapping

CAPABILITIES = frozenset(
    """
    AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
    FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
    NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT
    SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM
    """.split()
)

ADDABLE: Mapping[str, frozenset[str]] = {
    "restricted": frozenset({"NET_BIND_SERVICE"}),
    "baseline": frozenset(
        """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID
        SYS_CHROOT""".split()
    ),
}
"""What a container may add at each level of the Pod Security Standards (Kubernetes 1.34,
https://kubernetes.io/docs/concepts/security/pod-security-standards/)."""
