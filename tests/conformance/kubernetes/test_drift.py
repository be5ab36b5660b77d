"""What a refresh sees, and how objects that exist come under a program: import and `.get`."""

DEPLOYMENT = """
    labels = {"app": "web"}
    container = {
        "name": "web",
        "image": "example.test/web",
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
    }
    k8s.apps.v1.Deployment(
        "web",
        metadata=meta("web"),
        spec={
            "replicas": 1,
            "selector": {"match_labels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        opts=here(),
    )
"""


def test_a_field_that_somebody_changed_is_drift_and_what_the_server_puts_in_its_words_is_not(
    program, api, live
):
    """Source: TestClientSideDriftCorrectSSA, tests/sdk/nodejs/nodejs_test.go."""
    program.write(DEPLOYMENT).up().succeeded()
    kept = live("apps/v1", "Deployment", "web")
    assert kept["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"
    assert program.refresh().succeeded().ops == {}

    change, manager = {"spec": {"replicas": 3}}, {"fieldManager": "kubectl-edit"}
    api.request("PATCH", api.path(kept), change, content_type="application/merge-patch+json", query=manager)

    assert program.refresh().succeeded().ops == {"web": "update"}
    told = program.preview().succeeded()
    assert told.steps["web"].changes == {"spec.replicas": "update"}
    assert program.up().succeeded().ops == {"web": "update"}
    assert live("apps/v1", "Deployment", "web")["spec"]["replicas"] == 1


def test_an_object_that_somebody_deleted_is_made_again(program, api, live):
    """Source: Read, provider/pkg/provider/provider.go (a 404 means that it was deleted)."""
    program.write("""
        k8s.core.v1.Secret("s", metadata=meta("s"), string_data={"password": "hunter22"}, opts=here())
    """).up().succeeded()
    assert program.refresh().succeeded().ops == {}
    before = live("v1", "Secret", "s")
    api.delete(before)

    assert program.refresh().succeeded().ops == {"s": "delete"}
    assert program.up().succeeded().ops == {"s": "create"}

    assert live("v1", "Secret", "s")["metadata"]["uid"] != before["metadata"]["uid"]


def test_an_object_that_somebody_put_in_the_place_of_ours_is_not_overwritten_unseen(program, api, put, live):
    """Source: https://kubernetes.io/docs/reference/using-api/server-side-apply (metadata.uid as a precondition)."""
    config = 'k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "1"}, opts=here())'
    program.write(config, enable_config_map_mutable=True).up().succeeded()
    api.delete(live("v1", "ConfigMap", "c"))
    program.write(config.replace('"1"', '"2"'), enable_config_map_mutable=True)
    assert "refresh" in program.up().refused()
    assert live("v1", "ConfigMap", "c") is None

    put("v1", "ConfigMap", "c", data={"b": "theirs"})
    assert "refresh" in program.up().refused()

    assert live("v1", "ConfigMap", "c")["data"] == {"b": "theirs"}


def test_an_object_is_imported_by_the_program_and_then_changed(program, put, live, namespace):
    """Source: https://www.pulumi.com/docs/iac/concepts/resources/options/import."""
    put("v1", "ConfigMap", "c", manager="kubectl", data={"a": "1"})
    imported = f"""
        k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={{"a": "1"}}, opts=here(import_="{namespace}/c"))
    """
    assert program.write(imported, enable_config_map_mutable=True).up().succeeded().ops == {"c": "import"}

    changed = 'k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "2"}, opts=here())'
    assert program.write(changed, enable_config_map_mutable=True).up().succeeded().ops == {"c": "update"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}
    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "c") is None


def test_the_import_of_what_is_not_there_fails(program, namespace):
    """Source: https://www.pulumi.com/docs/iac/concepts/resources/options/import."""
    program.write(f"""
        k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={{}}, opts=here(import_="{namespace}/none"))
    """)

    assert "does not exist" in program.up().refused()


def test_get_reads_an_object_and_destroy_leaves_it(program, put, live, namespace):
    """Source: TestGet, tests/sdk/nodejs/nodejs_test.go; TestGetOneStep, tests/sdk/python/python_test.go."""
    put("v1", "ConfigMap", "c", data={"a": "1"})
    program.write(f"""
        seen = k8s.core.v1.ConfigMap.get("c", "{namespace}/c", opts=here())
        pulumi.export("data", seen.data)
    """)

    program.preview().succeeded()
    program.up().succeeded()
    assert program.outputs() == {"data": {"a": "1"}}

    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "c")
