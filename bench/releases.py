"""Measures a release of many objects: a chart of ConfigMaps and Services, made, left alone and removed.

Run: .venv/bin/python -m bench.releases [COUNT]

Wanted on an idle machine, for 150 objects: `up` within 12 s, a no-change preview within 4 s.
"""

import json
import sys
from pathlib import Path

from atoll import toolchain
from bench import ground

_COUNT = 150
_TEMPLATE = """
{{- range $number := until (int .Values.count) }}
---
apiVersion: v1
{{- if eq (mod $number 3) 0 }}
kind: Service
metadata: {name: "service-{{ $number }}"}
spec: {type: ClusterIP, ports: [{port: 80}]}
{{- else }}
kind: ConfigMap
metadata: {name: "config-{{ $number }}"}
data: {text: {{ repeat 200 "x" | quote }}}
{{- end }}
{{- end }}
"""
_PROGRAM = """
import pulumi_kubernetes as kubernetes

from atoll.charts import Release

cluster = kubernetes.Provider("cluster", kubeconfig={kubeconfig!r}, cluster_identifier="bench")
Release("many", {{
    "source": {{"path": "./many"}}, "kubernetes": cluster, "access": {kubeconfig!r}, "namespace": "default",
    "values": [{{"count": {count}}}], "hooks": {hooks},
}})
"""


def main() -> None:
    """Prints one line for each operation, for either way to release."""
    toolchain.ensure(["helm"])
    count = int(sys.argv[1]) if sys.argv[1:] else _COUNT
    for hooks, title in ((False, "object by object"), (True, "by helm itself")):

        def program(project: Path, kubeconfig: str, *, hooks: bool = hooks) -> str:
            _write(project / "many")
            return _PROGRAM.format(kubeconfig=kubeconfig, count=count, hooks=hooks)

        ground.measured(f"a release of {count} objects, {title}", program)


def _write(chart: Path) -> None:
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "many", "version": "1.0.0"}))
    (chart / "templates" / "all.yaml").write_text(_TEMPLATE)


if __name__ == "__main__":
    main()
