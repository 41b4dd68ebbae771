"""The words that findings give as their reason: stable, for metrics, alerts and searches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "AMBIGUOUS_SA": "serviceAccount and serviceAccountName name different accounts",
        "APPARMOR": "a container has another AppArmor profile than the policy names",
        "BINDING": "somebody else than the scheduler gives an agent's pod its node",
        "CAPABILITY": "a container keeps or adds capabilities that its envelope does not have",
        "CLASS_MISMATCH": "the object claims to be an agent that its ServiceAccount is not",
        "COMMAND": "a container, probe or hook starts an executable that the envelope does not have",
        "DEVICES": "a pod asks for devices of the node",
        "DNS": "a pod asks other resolvers, or asks for other names, than the cluster's",
        "DUPLICATE_CONTAINER": "two containers of a pod have one name",
        "EPHEMERAL": "a container would be added to a running agent",
        "ESCALATION": "what a container starts may gain privileges",
        "EXEC": "somebody would reach into a running agent",
        "HOSTALIASES": "a pod decides itself what names mean",
        "HOSTPATH": "a pod mounts files of the node, or those that hold agents' profiles",
        "HOST_IPC": "a pod shares the node's IPC namespace",
        "HOST_NET": "a pod is on the node's network",
        "HOST_PID": "a pod sees the node's processes",
        "HOST_PORT": "a pod opens a port of its node",
        "IMAGE": "an image is not one of the envelope's",
        "IMAGE_DIGEST": "an image is not pinned by its digest",
        "MALFORMED": "a field is not of the type that the API has",
        "MOUNT_PATH": "a volume is mounted over files that say what names mean or what is loaded",
        "MOUNT_PROPAGATION": "mounts cross the border of a container",
        "NODENAME": "a pod chooses its node itself",
        "NO_CONTAINERS": "a pod has no containers",
        "NO_LIMIT": "a container has no memory limit",
        "NS_MISMATCH": "the object names another namespace than the request",
        "OS": "a pod is not for Linux",
        "POD_UNKNOWN": "a pod in a namespace of agents is not known, so it may be an agent",
        "PRIVILEGED": "a container is privileged",
        "PROBE_HOST": "a probe or hook makes the node connect somewhere else than to the pod",
        "PROC_MOUNT": "/proc is not masked",
        "PULL_SECRET": "an image pull secret is not among those that the settings name",
        "ROOT": "a container may run as root",
        "RUNTIME_CLASS": "a pod has another runtime class than the policy names",
        "RUN_AS_USER": "a container runs as another user than the policy names",
        "SA_NOT_ALLOWED": "a registered agent's workload uses another ServiceAccount",
        "SECCOMP_ANNOTATION": "an annotation about seccomp has no effect and says something else",
        "SECCOMP_MISSING": "a container has no seccomp profile",
        "SECCOMP_PROFILE": "a container has another seccomp profile than the agent's",
        "SECCOMP_TYPE": "a container's seccomp profile is not a Localhost one",
        "SECRET_VOLUME": "a pod mounts a secret that may hold a token",
        "SELINUX": "a pod chooses an SELinux user, role or type that may be unconfined",
        "SHARED_PROCESSES": "the containers of a pod see each other's processes",
        "SYSCTL": "a pod sets kernel parameters",
        "TOKEN_MOUNT": "a pod gets a token for an API that its envelope does not use",
        "TOKEN_REQUEST": "somebody would get a token of an agent",
        "TOKEN_VOLUME": "a pod gets a token or certificate that its envelope does not have",
        "UNKNOWN_FIELD": "a pod has a field that this version does not know",
        "VOLUME_TYPE": "a volume is of a kind that agents do not have",
        "WRITABLE_ROOT": "a container may change the files of its image",
    }
)
"""Reason -> what it means, in one line.  docs/reference/admission.md has the same table."""
