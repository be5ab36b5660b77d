"""Measures the plugin for Kubernetes: many ConfigMaps made, left alone and removed by one program.

Run: .venv/bin/python -m bench.configmaps [COUNT [PROVIDERS]]

It starts a cluster of its own in a temporary folder and stops it at the end; the columns are those of `bench.ground`.
"""

import sys

from bench import ground

_CASES = ((200, 1), (500, 10))
"""ConfigMaps and Providers."""
_PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

clusters = [
    kubernetes.Provider(f"cluster-{{number}}", kubeconfig={kubeconfig!r}, cluster_identifier="bench")
    for number in range({providers})
]
for number in range({count}):
    kubernetes.core.v1.ConfigMap(
        f"config-{{number}}",
        metadata={{"name": f"config-{{number}}", "namespace": "default"}},
        data={{"number": str(number), "text": "x" * 200}},
        opts=pulumi.ResourceOptions(provider=clusters[number % {providers}]),
    )
"""


def main() -> None:
    """Prints one line for each operation."""
    given = [int(word) for word in sys.argv[1:]]
    for count, providers in [(given[0], given[1] if given[1:] else 1)] if given else _CASES:
        ground.measured(
            f"{count} ConfigMaps by {providers} Providers",
            lambda _folder, kubeconfig, count=count, providers=providers: _PROGRAM.format(  # type: ignore[misc] # bound now
                kubeconfig=kubeconfig, count=count, providers=providers
            ),
        )


if __name__ == "__main__":
    main()
