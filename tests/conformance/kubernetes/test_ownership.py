"""Whose an object is, and whose a field of it."""

CONFIG = """
    config = k8s.core.v1.ConfigMap("config", metadata=meta("config"{more}), data={{"a": "ours"}}, opts=here())
"""


def test_an_object_that_exists_is_refused_in_one_line_and_left_alone(program, put, live):
    """Source: TestExistingObjectBlocksCreate, tests/sdk/yaml/existing_object_test.go."""
    put("v1", "ConfigMap", "config", data={"a": "theirs"})

    line = program.write(CONFIG.format(more="")).up().refused()

    assert "ConfigMap" in line
    assert "already exists" in line
    assert live("v1", "ConfigMap", "config")["data"] == {"a": "theirs"}
    assert "config" not in program.state()


def test_with_upsert_an_object_that_exists_is_taken_over_where_no_field_conflicts(program, put, live):
    """Source: TestCreationBlocksUpsert, provider/pkg/await/await_test.go;
    the setting upsertExistingObjects.
    """
    put("v1", "ConfigMap", "config", data={"b": "theirs"})

    program.write(CONFIG.format(more=""), upsert_existing_objects=True).up().succeeded()

    assert live("v1", "ConfigMap", "config")["data"] == {"a": "ours", "b": "theirs"}


def test_a_field_of_another_manager_is_a_conflict_until_patch_force(program, put, live):
    """Source: TestPatchForce and TestAwaitSSAConflict, provider/pkg/await/await_test.go."""
    put("v1", "ConfigMap", "config", data={"a": "theirs"})
    refused = program.write(CONFIG.format(more=""), upsert_existing_objects=True).up().refused()
    assert "conflict" in refused
    assert "somebody" in refused
    assert "data.a" in refused
    assert live("v1", "ConfigMap", "config")["data"] == {"a": "theirs"}

    forced = ', annotations={"pulumi.com/patchForce": "true"}'
    program.write(CONFIG.format(more=forced), upsert_existing_objects=True).up().succeeded()

    assert live("v1", "ConfigMap", "config")["data"] == {"a": "ours"}


def test_an_update_conflicts_with_who_took_a_field_since_and_its_preview_says_so(program, put, live):
    """Source: TestServerSideApply, tests/sdk/python/python_test.go."""
    program.write(CONFIG.format(more=""), enable_config_map_mutable=True).up().succeeded()
    put("v1", "ConfigMap", "config", data={"a": "theirs"})
    program.write(CONFIG.format(more="").replace('"ours"', '"ours again"'), enable_config_map_mutable=True)

    assert "conflict" in program.preview().refused()
    assert "conflict" in program.up().refused()

    assert live("v1", "ConfigMap", "config")["data"] == {"a": "theirs"}


def test_an_annotated_field_manager_is_used_and_the_former_lets_go(program, live):
    """Source: https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply (pulumi.com/patchFieldManager);
    Update, provider/pkg/provider/provider.go.
    """

    def managers():
        return {entry["manager"] for entry in live("v1", "ConfigMap", "config")["metadata"]["managedFields"]}

    program.write(CONFIG.format(more="")).up().succeeded()
    (former,) = managers()
    named = ', annotations={"pulumi.com/patchFieldManager": "gardener"}'

    program.write(CONFIG.format(more=named)).up().succeeded()

    assert former != "gardener"
    assert managers() == {"gardener"}
