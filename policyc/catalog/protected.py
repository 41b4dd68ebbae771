"""What no wildcard swallows: it must be named literally to be granted.

These paths and addresses hand out credentials or the host.
"""

from __future__ import annotations

PROTECTED_PATHS = (
    "/etc/shadow",  # shadow(5)
    "/etc/gshadow",
    "/proc/<pid>/environ",  # proc_pid_environ(5): other processes' secrets
    "/proc/self/environ",
    "/proc/<pid>/mem",  # proc_pid_mem(5)
    "/proc/self/mem",
    "/proc/kcore",
    "/run/containerd/containerd.sock",  # container runtime sockets: root on the node
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/var/run/containerd/containerd.sock",
    "/var/run/crio/crio.sock",
    "/var/run/docker.sock",
)

PROTECTED_TREES = (
    # Where kubelet projects service account tokens (KEP-1205), for the API and for clouds.
    "/var/run/secrets/kubernetes.io/serviceaccount/**",
    "/run/secrets/kubernetes.io/serviceaccount/**",
    "/var/run/secrets/eks.amazonaws.com/**",
    "/var/run/secrets/azure/tokens/**",
    "/root/.ssh/**",
    "/root/.aws/**",
    "/root/.kube/**",
    "/etc/kubernetes/**",
    "/var/lib/kubelet/**",
)

METADATA_ADDRESSES = (
    "169.254.169.254/32",  # AWS, Azure, GCP, OpenStack instance metadata
    "fd00:ec2::254/128",  # AWS instance metadata over IPv6
    "169.254.170.2/32",  # AWS ECS task credentials
    "169.254.170.23/32",  # AWS EKS Pod Identity agent
    "fd00:ec2::23/128",  # AWS EKS Pod Identity agent over IPv6
    "100.100.100.200/32",  # Alibaba Cloud instance metadata
    "168.63.129.16/32",  # Azure WireServer
)
"""Addresses that hand out the node's or the pod's cloud identity."""

METADATA_HOSTS = ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal")
