"""What no wildcard swallows: it must be named literally to be granted.

These paths and addresses hand out credentials or the host.
"""

from __future__ import annotations

_PROCESSES = ("/proc/<pid>", "/proc/self", "/proc/thread-self")
"""proc(5): a process by its number and by its own name."""

_OF_PROCESSES = (
    *_PROCESSES,
    # proc_pid_task(5): each thread has its process's files again.
    *(f"{process}/task/<pid>" for process in _PROCESSES[:2]),
)

_RUN = ("/run", "/var/run")
"""/var/run is a link to /run (FHS 3.0): recorders write the one or the other."""

_SOCKETS = (
    # Container runtimes: root on the node
    # (https://kubernetes.io/docs/setup/production-environment/container-runtimes/, v1.34).
    "containerd/containerd.sock",
    "cri-dockerd.sock",
    "crio/crio.sock",
    "docker.sock",
    "k3s/containerd/containerd.sock",  # https://docs.k3s.io/
    "podman/podman.sock",  # podman-system-service(1)
)

PROTECTED_PATHS = (
    "/etc/shadow",  # shadow(5), with the copy that it keeps
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    # proc_pid_environ(5): other processes' secrets; proc_pid_mem(5): all that they know.
    *(f"{process}/{name}" for process in _OF_PROCESSES for name in ("environ", "mem")),
    "/proc/kcore",
    *(f"{run}/{socket}" for run in _RUN for socket in _SOCKETS),
)

_SECRETS = (
    # Where kubelet projects service account tokens (KEP-1205), for the API and for clouds.
    "secrets/kubernetes.io/serviceaccount",
    "secrets/eks.amazonaws.com",
    "secrets/pods.eks.amazonaws.com",
    "secrets/azure/tokens",
)

PROTECTED_TREES = (
    *(f"{run}/{tree}/**" for run in _RUN for tree in _SECRETS),
    # proc_pid_root(5): another way to every path, the ones of this list among them.
    *(f"{process}/root/**" for process in _OF_PROCESSES),
    "/root/.ssh/**",
    "/root/.aws/**",
    "/root/.config/gcloud/**",  # gcloud(1): its credentials
    "/root/.azure/**",
    "/root/.kube/**",
    "/etc/kubernetes/**",
    "/var/lib/kubelet/**",
)

METADATA_ADDRESSES = (
    "169.254.169.254/32",  # AWS, Azure, GCP, OpenStack instance metadata
    "fd20:ce::254/128",  # GCP instance metadata over IPv6
    "fe80::a9fe:a9fe/128",  # OpenStack instance metadata over IPv6
    "fd00:ec2::254/128",  # AWS instance metadata over IPv6
    "169.254.170.2/32",  # AWS ECS task credentials
    "169.254.170.23/32",  # AWS EKS Pod Identity agent
    "fd00:ec2::23/128",  # AWS EKS Pod Identity agent over IPv6
    "100.100.100.200/32",  # Alibaba Cloud instance metadata
    "168.63.129.16/32",  # Azure WireServer
)
"""Addresses that hand out the node's or the pod's cloud identity."""

METADATA_HOSTS = ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal")
