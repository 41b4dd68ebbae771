"""Declared against observed: what agents may do by manifests, and what of it they never did."""
