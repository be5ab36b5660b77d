"""What a provider's settings do, and those that are refused rather than ignored.

Sources: PROVIDER is the Provider of the package's schema, https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider
"""

import time

import pytest

from atoll.kubernetes import Kubeconfig

CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "1"}, opts=here())
"""
CHANGED = CONFIG.replace('"1"', '"2"')
MUTABLE = {"enable_config_map_mutable": True}
NOWHERE = Kubeconfig(server="https://127.0.0.1:1", token="t").text()


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_updates_of_a_dead_cluster_are_skipped_where_that_is_asked_for(how, program, live):
    """Source: TestSkipUpdateUnreachableFlag, tests/sdk/nodejs/nodejs_test.go; PROVIDER, skipUpdateUnreachable."""
    program.write(CONFIG, **MUTABLE).up().succeeded()
    settings = {**MUTABLE, "skip_update_unreachable": True} if how == "argument" else MUTABLE
    if how == "variable":
        program.environment["PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"] = "true"

    program.write(CHANGED, kubeconfig=NOWHERE, **settings)
    skipped = program.deploy()

    assert skipped.ops == {}
    assert any("left as it is" in text for text in skipped.warnings)
    assert program.refresh().succeeded().ops == {}
    # The change was not taken for done: it comes with the cluster.
    assert program.write(CHANGED, **settings).deploy().ops == {"c": "update"}
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}
    program.destroy().succeeded()


def test_a_new_object_of_a_dead_cluster_is_not_skipped(program):
    """Source: Check and Create, provider/pkg/provider/provider.go (skipUpdateUnreachable keeps old inputs alone)."""
    program.write(CONFIG, kubeconfig=NOWHERE, skip_update_unreachable=True)

    assert program.preview().succeeded().ops == {"c": "create"}
    assert "unreachable" in program.up().refused()
    assert "c" not in program.state()
    program.destroy().succeeded()


def test_a_dead_clusters_objects_are_forgotten_by_a_variable_too(program, live):
    """Source: PROVIDER, deleteUnreachable (PULUMI_K8S_DELETE_UNREACHABLE)."""
    program.write(CONFIG).up().succeeded()
    program.write(CONFIG, kubeconfig=NOWHERE).up().succeeded()
    assert "unreachable" in program.destroy().refused()
    program.environment["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"

    gone = program.destroy().succeeded()

    assert gone.ops == {"c": "delete"}
    assert any("forgotten" in text for text in gone.warnings)
    assert live("v1", "ConfigMap", "c")


def test_the_same_cluster_by_another_way_is_an_update_of_its_provider_alone(program, proxy):
    """Source: TestClusterIdentifier, tests/sdk/yaml/config_test.go."""
    program.write(CONFIG).up().succeeded()

    program.write(CONFIG, kubeconfig=proxy.kubeconfig)
    assert program.deploy().ops == {}

    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


def test_every_conflict_is_won_where_the_provider_says_so(program, put, live):
    """Source: TestEnablePatchForceConfig, tests/sdk/yaml/patch_force_test.go."""
    program.write(CONFIG, **MUTABLE).up().succeeded()
    put("v1", "ConfigMap", "c", data={"a": "theirs"})
    assert "conflict" in program.write(CHANGED, **MUTABLE).up().refused()

    assert program.write(CHANGED, enable_patch_force=True, **MUTABLE).deploy().ops == {"c": "update"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_helm_hook_is_warned_of_unless_that_is_suppressed(quiet, program):
    """Source: PROVIDER, suppressHelmHookWarnings."""
    body = CONFIG.replace('meta("c")', 'meta("c", annotations={"helm.sh/hook": "pre-install"})')
    program.write(body, suppress_helm_hook_warnings=quiet)

    told, done = program.preview().succeeded(), program.up().succeeded()

    assert done.ops == {"c": "create"}
    for run in (told, done):
        assert any("Helm hook" in text for text in run.warnings) is not quiet
    program.destroy().succeeded()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_deprecated_api_version_is_warned_of_unless_that_is_suppressed(quiet, program):
    """Source: PROVIDER, suppressDeprecationWarnings; the words are the server's: https://kubernetes.io/blog/2020/09/03/warnings."""
    body = 'k8s.core.v1.Endpoints("e", metadata=meta("e"), subsets=[], opts=here())'
    program.write(body, suppress_deprecation_warnings=quiet)

    done = program.deploy()

    assert done.ops == {"e": "create"}
    assert any("v1 Endpoints is deprecated" in text for text in done.warnings) is not quiet
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


def test_the_client_keeps_to_its_settings(program):
    """Source: PROVIDER, kubeClientSettings (burst, qps, timeout)."""
    body = "\n".join(CONFIG.replace('"c"', f'"c{number}"') for number in range(6))
    limits = {"burst": 1, "qps": 2, "timeout": 30}
    program.write(body, kube_client_settings=limits).preview().succeeded()

    begun = time.monotonic()
    program.up().succeeded()

    # Six writes, each with a look before it and nothing saved up: two a second.
    assert time.monotonic() - begun > 12 / limits["qps"]
    assert program.write(body).up().succeeded().ops == {}
    program.destroy().succeeded()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"render_yaml_to_directory": "out"}, "renderYamlToDirectory"),
        ({"always_render": True}, "alwaysRender"),
        ({"enable_server_side_apply": False}, "enableServerSideApply"),
        ({"helm_release_settings": {"driver": "configmap"}}, "helmReleaseSettings.driver"),
        ({"kube_client_settings": {"qps": -1}}, "kubeClientSettings.qps"),
    ],
    ids=["render", "always", "client-side", "helm", "qps"],
)
def test_a_setting_that_is_not_served_is_refused(settings, says, program):
    """Source: PROVIDER; what of it is not served is told, since nothing else would show it."""
    run = program.write(CONFIG, **settings).preview()

    assert run.code != 0
    assert any(says in text and "expected" in text for text in run.errors)
    assert program.up().code != 0
    program.destroy().succeeded()
