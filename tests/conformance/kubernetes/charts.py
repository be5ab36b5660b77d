"""Charts as small as a test needs them, written where the test says."""

import json
import shutil
import textwrap

_CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %s}
data: {text: {{ .Values.%s | quote }}}
"""


def config(name, value="text"):
    """The template of a ConfigMap that holds one value."""
    return _CONFIG % (name, value)


def write(folder, templates, values=None, schema=None, crds=None, **more):
    """A chart in a folder of its name; `templates` and `crds` are texts by name, `more` goes to Chart.yaml."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {f"templates/{name}.yaml": text for name, text in templates.items()}
    files |= {f"crds/{name}.yaml": text for name, text in (crds or {}).items()}
    files["values.yaml"] = json.dumps(values or {})
    files["Chart.yaml"] = json.dumps({"apiVersion": "v2", "name": folder.name, "version": "1.0.0", **more})
    if schema:
        files["values.schema.json"] = json.dumps(schema)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder
