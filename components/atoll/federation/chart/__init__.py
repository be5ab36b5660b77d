"""The control plane driver `chart`: Karmada's own Helm chart, highly available, on a cluster.

What the chart is told and what it renders belongs here; what runs on this machine is in `federation.local`.
"""

ASSET = "karmada-chart"
"""The chart among the files of the toolchain."""
