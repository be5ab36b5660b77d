"""Atoll: many Kubernetes clusters declared as one platform."""
