"""Kubernetes objects as text and as typed views."""
