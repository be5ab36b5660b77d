"""Whatever fails after a write was sent: nothing is orphaned, and the next run takes up what is there."""

import pytest

from conformance.kubernetes.faults import Fault

"""Each runs the engine three or four times."""

CONFIG = """
    # What does not come within its time is given up: a lost answer is asked for again no longer than that.
    limited = {"pulumi.com/timeoutSeconds": "1"}
    config = k8s.core.v1.ConfigMap(
        "config", metadata=meta("config", annotations=limited), data={"a": "1"}, opts=here()
    )
"""
DEPLOYMENT = """
    labels = {"app": "web"}
    k8s.apps.v1.Deployment(
        "web",
        metadata=meta("web", annotations={"pulumi.com/timeoutSeconds": "3"}),
        spec={
            "replicas": 2,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.test/web"}]},
            },
        },
        opts=here(),
    )
"""
LOST = {
    "cut": Fault("PATCH", "/configmaps/"),
    "500": Fault("PATCH", "/configmaps/", code=500),
    "503": Fault("PATCH", "/configmaps/", code=503),
    "504": Fault("PATCH", "/configmaps/", code=504),
    "no object": Fault("PATCH", "/configmaps/", code=200),
}


@pytest.mark.parametrize("how", LOST)
def test_a_create_whose_answer_is_lost_is_taken_up_by_the_next_run(how, program, proxy, live):
    """Source: ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept)."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    with proxy.failing(LOST[how]):
        line = program.up().refused()
    assert "ConfigMap" in line
    uid = live("v1", "ConfigMap", "config")["metadata"]["uid"]

    program.up().succeeded()

    assert live("v1", "ConfigMap", "config")["metadata"]["uid"] == uid
    assert program.state()["config"]["outputs"]["metadata"]["uid"] == uid
    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "config") is None


def test_a_create_whose_answer_is_lost_is_removed_by_destroy(program, proxy, live):
    """Source: ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept)."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    with proxy.failing(LOST["500"]):
        program.up().refused()
    assert live("v1", "ConfigMap", "config")

    assert program.refresh().succeeded().ops == {}
    program.destroy().succeeded()

    assert live("v1", "ConfigMap", "config") is None
    assert "config" not in program.state()


def test_a_create_that_never_arrived_deletes_nobody_elses_object(program, proxy, put, live):
    """Source: ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept);
    TestExistingObjectBlocksCreate, tests/sdk/yaml/existing_object_test.go.
    """
    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    with proxy.failing(Fault("PATCH", "/configmaps/", delivered=False)):
        program.up().refused()
    put("v1", "ConfigMap", "config", data={"b": "theirs"})

    assert "already exists" in program.up().refused()
    assert program.refresh().succeeded().ops == {"config": "delete"}
    program.destroy().succeeded()

    assert live("v1", "ConfigMap", "config")["data"] == {"b": "theirs"}


def test_one_lost_answer_is_asked_again_within_the_run(program, proxy, live):
    """Source: https://kubernetes.io/docs/reference/using-api/server-side-apply (an apply may be sent again)."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    with proxy.failing(Fault("PATCH", "/configmaps/", times=1)):
        program.up().succeeded()

    assert live("v1", "ConfigMap", "config")["data"] == {"a": "1"}


@pytest.mark.parametrize("how", ["cut", "503"])
def test_an_update_whose_answer_is_lost_is_finished_by_the_next_run(how, program, proxy, live):
    """Source: ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept)."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig, enable_config_map_mutable=True).up().succeeded()
    changed = CONFIG.replace('"1"', '"2"')
    program.write(changed, kubeconfig=proxy.kubeconfig, enable_config_map_mutable=True)
    with proxy.failing(LOST[how]):
        program.up().refused()

    assert program.up().succeeded().ops == {"config": "update"}

    assert live("v1", "ConfigMap", "config")["data"] == {"a": "2"}
    assert program.up().succeeded().ops == {}
    assert program.state()["config"]["outputs"]["data"] == {"a": "2"}


@pytest.mark.parametrize("code", [None, 500, 403])
def test_an_await_that_cannot_read_keeps_the_state_and_the_next_run_converges(code, program, proxy, live):
    """Source: TestCreation_AwaiterReturnsNilObject, provider/pkg/await/await_test.go;
    ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept).
    """
    program.write(DEPLOYMENT, kubeconfig=proxy.kubeconfig)
    # The first look, at whether the name is free, must get through.
    with proxy.failing(Fault("GET", "/deployments/web", code=code, delivered=False, skip=1)):
        program.up().refused()
    uid = live("apps/v1", "Deployment", "web")["metadata"]["uid"]
    assert program.state()["web"]["outputs"]["metadata"]["uid"] == uid

    assert program.up().succeeded().ops == {"web": "update"}

    assert program.state()["web"]["outputs"]["status"]["availableReplicas"] == 2
    program.destroy().succeeded()
    assert live("apps/v1", "Deployment", "web") is None


@pytest.mark.parametrize("code", [None, 500])
def test_a_deletion_whose_answer_is_lost_is_finished_by_the_next_run(code, program, proxy, live):
    """Source: TestDeletion, provider/pkg/await/await_test.go."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig).up().succeeded()
    with proxy.failing(Fault("DELETE", "/configmaps/", code=code)):
        program.destroy().refused()

    program.destroy().succeeded()

    assert live("v1", "ConfigMap", "config") is None
    assert "config" not in program.state()


def test_a_dry_run_that_fails_does_not_fail_the_preview(program, proxy):
    """Source: isDryRunDisabledError, provider/pkg/provider/provider.go."""
    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    with proxy.failing(Fault("PATCH", "/configmaps/", code=500, dry_run=True, delivered=False)):
        assert program.preview().succeeded().ops == {"config": "create"}
