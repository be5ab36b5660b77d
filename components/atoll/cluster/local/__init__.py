"""A real Kubernetes control plane as processes of this machine: what a member and a Karmada share.

Pure: `seat`, `programs`. On disk and in processes: `credentials`, `launch`.
"""
