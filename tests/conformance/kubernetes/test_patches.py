"""Patch resources: some fields of an object that somebody else makes.

Sources: GUIDE is https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply
"""

import pytest

PATCH = """
    k8s.core.v1.ConfigMapPatch(
        "patch", metadata=meta("c", annotations=ANNOTATIONS), data={"a": VALUE}, opts=here()
    )
"""


def _patch(value="1", annotations="None", more=PATCH):
    return f"\n    VALUE, ANNOTATIONS = {value!r}, {annotations}" + more


def _managers(live):
    return {entry["manager"] for entry in live["metadata"]["managedFields"]}


def test_a_patch_owns_its_fields_and_lets_go_of_them_when_it_is_deleted(program, put, live):
    """Source: GUIDE, Patch a resource; TestPatchResources, tests/sdk/yaml/patch_test.go."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})

    assert program.write(_patch()).deploy().ops == {"patch": "create"}
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1", "b": "theirs"}
    assert len(_managers(live("v1", "ConfigMap", "c"))) == 2
    assert program.preview().succeeded().ops == {}
    assert program.refresh().succeeded().ops == {}

    program.destroy().succeeded()

    left = live("v1", "ConfigMap", "c")
    assert left["data"] == {"b": "theirs"}
    assert _managers(left) == {"somebody"}


def test_a_patch_is_changed_in_place_whatever_the_rules_of_its_kind(program, put, live):
    """Source: issue 2424 and pull request 2429 of pulumi/pulumi-kubernetes (Update Patch resources)."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    program.write(_patch()).up().succeeded()
    owners = _managers(live("v1", "ConfigMap", "c"))

    assert program.write(_patch("2")).deploy().ops == {"patch": "update"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2", "b": "theirs"}
    assert _managers(live("v1", "ConfigMap", "c")) == owners
    program.destroy().succeeded()


def test_a_patch_of_what_is_not_there_is_refused_and_makes_nothing(program, live):
    """Source: the description of every Patch type in the schema: used to modify existing resources."""
    program.write(_patch())

    # It may be made by then, so the preview goes on.
    assert program.preview().succeeded().ops == {"patch": "create"}
    line = program.up().refused()

    assert "found no such object" in line
    assert live("v1", "ConfigMap", "c") is None
    assert "patch" not in program.state()
    program.destroy().succeeded()


def test_a_patch_conflicts_with_who_owns_the_field_until_it_is_forced(program, put, live):
    """Source: GUIDE, Handle field conflicts on existing resources (pulumi.com/patchForce)."""
    put("v1", "ConfigMap", "c", data={"a": "theirs"}, manager="kubectl-edit")
    assert 'owned by "kubectl-edit"' in program.write(_patch()).preview().refused()
    assert 'owned by "kubectl-edit"' in program.up().refused()
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "theirs"}

    program.write(_patch(annotations='{"pulumi.com/patchForce": "true"}')).deploy()

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_two_patches_of_one_object_know_nothing_of_each_other(program, put, live):
    """Source: the description of every Patch type in the schema: more than one patch may be applied."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    other = PATCH.replace('"patch"', '"other"').replace('"a"', '"z"')
    program.write(_patch() + other).deploy()
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1", "b": "theirs", "z": "1"}

    assert program.write(_patch()).deploy().ops == {"other": "delete"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1", "b": "theirs"}
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_a_patch_that_names_another_object_leaves_the_first_one(program, put, live):
    """Source: pull request 2429 of pulumi/pulumi-kubernetes (its identity alone replaces a Patch)."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    put("v1", "ConfigMap", "d", data={"b": "theirs"})
    program.write(_patch()).up().succeeded()

    moved = PATCH.replace('meta("c"', 'meta("d"')
    assert program.write(_patch(more=moved)).deploy().ops == {"patch": "replace"}

    assert live("v1", "ConfigMap", "c")["data"] == {"b": "theirs"}
    assert live("v1", "ConfigMap", "d")["data"] == {"a": "1", "b": "theirs"}
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_drift_of_a_patched_field_is_seen_and_mended_and_other_fields_are_none_of_its_business(
    program, api, put, live
):
    """Source: GUIDE, and `pulumi refresh` in https://www.pulumi.com/docs/iac/cli/commands/pulumi_refresh."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    forced = _patch(annotations='{"pulumi.com/patchForce": "true"}')
    program.write(forced).up().succeeded()
    put("v1", "ConfigMap", "c", data={"b": "changed", "a": "drifted"})

    seen = program.refresh().succeeded()
    assert seen.ops == {"patch": "update"}
    assert program.deploy().ops == {"patch": "update"}
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1", "b": "changed"}

    api.delete(live("v1", "ConfigMap", "c"))
    assert program.refresh().succeeded().ops == {"patch": "delete"}
    program.destroy().succeeded()


DEPLOYMENT = """
    k8s.apps.v1.DeploymentPatch(
        "patch",
        metadata=meta("web", annotations={"pulumi.com/patchForce": "true"}),
        spec={"template": {"spec": {"containers": [{"name": "web", "image": IMAGE}]}}},
        opts=here(),
    )
"""


def test_a_patched_deployment_keeps_what_the_patch_does_not_name(program, put, live):
    """Source: TestFieldManagerPatchResources, tests/sdk/nodejs/nodejs_test.go (kubectl's fields stay its own)."""
    labels = {"app": "web"}
    put(
        "apps/v1",
        "Deployment",
        "web",
        manager="kubectl",
        spec={
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.test/web:1"}]},
            },
        },
    )
    for image in ("example.test/web:2", "example.test/web:3"):
        program.write(f"\n    IMAGE = {image!r}" + DEPLOYMENT).deploy()
        spec = live("apps/v1", "Deployment", "web")["spec"]
        assert spec["template"]["spec"]["containers"][0]["image"] == image
        assert spec["replicas"] == 2

    entries = live("apps/v1", "Deployment", "web")["metadata"]["managedFields"]
    (kubectl,) = (entry for entry in entries if entry["manager"] == "kubectl")
    assert "f:replicas" in kubectl["fieldsV1"]["f:spec"]
    assert program.preview().succeeded().ops == {}
    # What the patch alone owns now is a field that no Deployment can be without.
    assert "retain_on_delete" in program.destroy().refused()
    assert live("apps/v1", "Deployment", "web")["spec"]["replicas"] == 2


def test_a_namespace_is_patched_and_stays_when_the_patch_goes(program, api, namespace):
    """Source: the error text of Creation, provider/pkg/await/await.go (NamespacePatch for an existing one)."""
    program.lives(
        'k8s.core.v1.NamespacePatch("patch", metadata={"name": NAMESPACE, "labels": {"a": "1"}}, opts=here())',
        'k8s.core.v1.NamespacePatch("patch", metadata={"name": NAMESPACE, "labels": {"a": "2"}}, opts=here())',
        ops={"patch": "update"},
    )

    left = api.get({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    assert left["status"]["phase"] == "Active"
    assert "a" not in left["metadata"]["labels"]


def _definition(group, kind):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": f"{kind.lower()}s", "singular": kind.lower(), "kind": kind},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


@pytest.mark.parametrize("kind", ["Reef", "ReefPatch"])
def test_a_custom_resource_is_patched_also_where_its_kind_ends_in_patch(kind, program, api, namespace, live):
    """Source: TestPatchResources, tests/sdk/yaml/patch_test.go (plain and Patch-suffixed custom resources)."""
    group = f"{namespace}.example.test"
    api.apply(_definition(group, kind))
    body = f"""
        whole = k8s.apiextensions.CustomResource(
            "whole", api_version="{group}/v1", kind="{kind}", metadata=meta("r"), spec={{"foo": "bar"}}, opts=here()
        )
    """
    patch = f"""
        k8s.apiextensions.CustomResourcePatch(
            "patch",
            api_version="{group}/v1",
            kind="{kind}",
            metadata=meta("r", annotations={{"patched": "yes"}}),
            opts=here(depends_on=[whole]),
        )
    """
    # Both in one run: the object is there by the time of the patch.
    assert program.write(body + patch).deploy().ops == {"whole": "create", "patch": "create"}
    found = live(f"{group}/v1", kind, "r")
    assert found["metadata"]["annotations"]["patched"] == "yes"
    assert found["spec"] == {"foo": "bar"}
    assert program.preview().succeeded().ops == {}

    assert program.write(body).deploy().ops == {"patch": "delete"}

    found = live(f"{group}/v1", kind, "r")
    assert found["spec"] == {"foo": "bar"}
    assert "patched" not in (found["metadata"].get("annotations") or {})
    program.destroy().succeeded()
    api.delete(_definition(group, kind))


def test_a_patch_without_a_name_is_refused(program):
    """Source: Check, provider/pkg/provider/provider.go: patch resources require metadata.name."""
    program.write('k8s.core.v1.ConfigMapPatch("patch", metadata={"labels": {"a": "1"}}, opts=here())')

    assert "metadata.name: found none" in program.preview().refused()
    assert "metadata.name: found none" in program.up().refused()
    program.destroy().succeeded()


def test_a_patch_under_a_named_manager_is_handed_on_to_another_one(program, put, live):
    """Source: GUIDE, Specify the field manager (pulumi.com/patchFieldManager)."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    for name, value in (("one", "1"), ("two", "2")):
        program.write(_patch(value, f'{{"pulumi.com/patchFieldManager": "{name}"}}')).deploy()
        assert _managers(live("v1", "ConfigMap", "c")) == {"somebody", name}
        assert live("v1", "ConfigMap", "c")["data"] == {"a": value, "b": "theirs"}

    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()
    assert _managers(live("v1", "ConfigMap", "c")) == {"somebody"}


def test_a_patch_whose_value_is_not_known_yet_is_previewed(program, put, live):
    """Source: pull request 2182 of pulumi/pulumi-kubernetes (previews of Patch resources are not computed)."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    body = """
        service = k8s.core.v1.Service("s", metadata=meta("s"), spec={"ports": [{"port": 80}]}, opts=here())
        k8s.core.v1.ConfigMapPatch(
            "patch", metadata=meta("c"), data={"address": service.spec.cluster_ip}, opts=here()
        )
    """
    assert set(program.write(body).deploy().ops) == {"s", "patch"}

    assert live("v1", "ConfigMap", "c")["data"]["address"].startswith("10.")
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_get_of_a_patch_reads_the_object(program, put, namespace):
    """Source: the `get` method of every Patch type in the SDK (an existing resource's state by its id)."""
    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    program.write(f"""
        seen = k8s.core.v1.ConfigMapPatch.get("c", "{namespace}/c", opts=here())
        pulumi.export("data", seen.data)
    """)
    program.preview().succeeded()
    program.up().succeeded()

    assert program.outputs() == {"data": {"b": "theirs"}}
    program.destroy().succeeded()
