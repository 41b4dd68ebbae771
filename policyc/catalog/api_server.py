"""Where the API server's own Service, `default/kubernetes`, answers in common clusters.

Its address is the first of the cluster's Service range (Kubernetes documentation,
"Service ClusterIP allocation"); these are the default ranges of kubeadm (10.96.0.0/12),
k3s (10.43.0.0/16), EKS (10.100.0.0/16 and 172.20.0.0/16), AKS (10.0.0.0/16),
GKE (34.118.224.0/20 since 1.29, Autopilot since 1.27), OpenShift (172.30.0.0/16),
MicroK8s (10.152.183.0/24) and Kubespray (10.233.0.0/18).  EKS: KubernetesNetworkConfigRequest,
``serviceIpv4Cidr``; GKE: "VPC-native clusters", default Services range; AKS: ``az aks create``,
``--service-cidr``; the others: the installer's default configuration.
"""

from __future__ import annotations

API_SERVER_SERVICE = "default/kubernetes"
USUAL_ADDRESSES = (
    "10.0.0.1",
    "10.43.0.1",
    "10.96.0.1",
    "10.100.0.1",
    "10.152.183.1",
    "10.233.0.1",
    "172.20.0.1",
    "172.30.0.1",
    "34.118.224.1",
)
PORT = 443
