"""yaml.v2.ConfigGroup: the objects of manifests as children of one component."""

import pytest

MANIFESTS = """
apiVersion: {group}/v1
kind: Reef
metadata: {{name: reef, namespace: {space}}}
spec: {{depth: 3, since: 2020-01-01, open: yes}}
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {{name: one, namespace: {space}}}
    data: {{a: "1"}}
  - apiVersion: v1
    kind: ConfigMap
    metadata: {{name: two}}
    data: {{a: "1"}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {space}}}
---
# Nothing but a comment.
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: reefs.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: reefs, singular: reef, kind: Reef}}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {{type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def _group(body):
    return f"""
group = k8s.yaml.v2.ConfigGroup("g", {body}, opts=ResourceOptions(providers=[cluster]))
"""


def test_manifests_in_any_order_become_children_with_definitions_and_namespaces_first(
    program, api, namespace
):
    """Source: TestYamlV2, tests/sdk/yaml/yamlv2_test.go."""
    group, space = f"{namespace}.example.test", f"{namespace}-more"
    (program.folder / "manifests").mkdir()
    (program.folder / "manifests" / "all.yaml").write_text(MANIFESTS.format(group=group, space=space))
    program.write(_group('files=["manifests/*.yaml"]'), namespace=namespace)
    children = {
        f"g:{space}/reef",
        f"g:{space}/one",
        f"g:{namespace}/two",
        f"g:{space}",
        f"g:reefs.{group}",
    }

    told = program.preview().succeeded()
    assert told.ops == {"g": "create"} | dict.fromkeys(children, "create")
    program.up().succeeded()

    state = program.state()
    assert all(state[name]["parent"].endswith("ConfigGroup::g") for name in children)
    assert {urn.split("::")[-1] for urn in state[f"g:{space}/reef"]["dependencies"]} == {
        f"g:{space}",
        f"g:reefs.{group}",
    }
    spec = api.get(
        {"apiVersion": f"{group}/v1", "kind": "Reef", "metadata": {"name": "reef", "namespace": space}}
    )["spec"]
    assert spec == {"depth": 3, "since": "2020-01-01", "open": "yes"}
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_one_change_in_a_manifest_is_one_change(program):
    """Source: TestYamlV2, tests/sdk/yaml/yamlv2_test.go."""
    body = """objs=[
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE},
         "data": {"a": VALUES[name]}} for name in VALUES
    ], resource_prefix="", skip_await=True"""
    settings = {"enable_config_map_mutable": True}
    program.write("\nVALUES = {'one': '1', 'two': '1'}" + _group(body), **settings).up().succeeded()
    name = f"{program.namespace}/two"

    program.write("\nVALUES = {'one': '1', 'two': '2'}" + _group(body), **settings)
    assert program.preview().succeeded().ops == {name: "update"}
    program.write("\nVALUES = {'one': '1'}" + _group(body), **settings)
    assert program.up().succeeded().ops == {name: "delete"}


def test_a_value_that_is_not_known_yet_leaves_the_rest_of_the_preview_exact(program):
    """Source: TestSecretsWithUnknowns, tests/sdk/go/go_test.go."""
    program.write(
        """
service = k8s.core.v1.Service("web", metadata=meta("web"), spec={"ports": [{"port": 80}]}, opts=here())
"""
        + _group("""objs=[{
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": NAMESPACE},
            "data": {"address": service.spec.cluster_ip},
        }]""")
    )

    told = program.preview().succeeded()
    done = program.up().succeeded()

    assert told.ops == done.ops
    assert done.steps[f"g:{program.namespace}/c"].outputs["data"]["address"].startswith("10.")


def test_a_child_that_fails_fails_the_group_and_the_next_run_mends_it(program):
    """Source: TestJobUnreachable, tests/sdk/yaml/yamlv2_test.go."""
    body = """objs=[{{
        "apiVersion": "v1", "kind": "Service", "metadata": {{"name": "s", "namespace": NAMESPACE}},
        "spec": {{"ports": [{{"port": {port}}}]}},
    }}]"""
    assert "123456" in " ".join(program.write(_group(body.format(port=123456))).up().errors)

    program.write(_group(body.format(port=80))).up().succeeded()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('yaml="a: [1"', "yaml: found no YAML"),
        ('yaml="kind: ConfigMap"', "without apiVersion or kind"),
        ('yaml="{apiVersion: v1, kind: ConfigMap, metadata: {}}"', "without metadata.name"),
        ('files=["none.yaml"]', "none.yaml"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(body, says, program):
    """Source: provider/pkg/provider/yaml/v2/yaml_test.go."""
    run = program.write(_group(body)).preview()

    assert run.code != 0
    assert says in " ".join(run.errors)
