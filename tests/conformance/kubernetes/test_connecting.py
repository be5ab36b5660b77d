"""Ways to a cluster, clusters that do not answer, and what is not served."""

import socket

import pytest

from atoll.kubernetes import Kubeconfig

CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "1"}, opts=here())
"""
NOWHERE = Kubeconfig(server="https://127.0.0.1:1", token="t").text()


def test_a_token_and_a_client_certificate_both_open_the_cluster(program, token, live):
    """Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1 (AuthInfo)."""
    assert Kubeconfig.read(program.kubeconfig).certificate
    assert program.write(CONFIG).up().succeeded().ops == {"c": "create"}

    changed = CONFIG.replace('"1"', '"2"')
    program.write(changed, kubeconfig=token, enable_config_map_mutable=True)
    assert program.up().succeeded().ops == {"c": "update"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}


def test_what_a_user_may_not_do_fails_the_update_in_one_line_and_not_the_preview(program, token):
    """Source: Create, provider/pkg/provider/provider.go (a forbidden dry run falls back on the inputs)."""
    program.write(
        """
        k8s.core.v1.Namespace("space", metadata={"name": f"{NAMESPACE}-more"}, opts=here())
        """,
        kubeconfig=token,
    )

    assert program.preview().succeeded().ops == {"space": "create"}
    assert "forbidden" in program.up().refused()


@pytest.mark.parametrize("how", ["text", "file", "context"])
def test_a_kubeconfig_is_given_as_text_as_a_file_or_with_a_context(how, program, live):
    """Source: Test_parseKubeconfigString and Test_getActiveClusterFromConfig, provider/pkg/provider/util_test.go."""
    if how == "text":
        program.write(CONFIG)
    elif how == "file":
        (program.folder / "kubeconfig").write_text(program.kubeconfig)
        program.write(CONFIG, kubeconfig=str(program.folder / "kubeconfig"))
    else:
        program.write(CONFIG, context=Kubeconfig.read(program.kubeconfig).name)

    program.up().succeeded()
    assert live("v1", "ConfigMap", "c")


def test_the_providers_namespace_is_that_of_what_names_none(program, live, namespace):
    """Source: TestProvider, tests/sdk/python/python_test.go; the setting namespace of the Provider."""
    program.write(
        """
        k8s.core.v1.ConfigMap("c", metadata={"name": "c"}, data={"a": "1"}, opts=here())
        k8s.core.v1.Namespace("space", metadata={"name": f"{NAMESPACE}-more"}, opts=here())
        """,
        namespace=namespace,
    )
    program.up().succeeded()

    assert live("v1", "ConfigMap", "c")
    assert program.state()["space"]["id"] == f"{namespace}-more"
    assert program.preview().succeeded().ops == {}


@pytest.fixture
def silent():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Kubeconfig(server=f"https://127.0.0.1:{server.getsockname()[1]}").text()


@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_a_cluster_that_does_not_answer_is_one_line(kind, program, silent):
    """Source: TestPreviewWithUnreachableCluster, tests/sdk/nodejs/helm_test.go."""
    line = program.write(CONFIG, kubeconfig=NOWHERE if kind == "refused" else silent).up().refused()

    assert "unreachable" in line
    assert "c" not in program.state()


def test_a_cluster_that_died_fails_no_preview_and_no_refresh_and_each_write_in_one_line(program, live):
    """Source: TestPreviewWithUnreachableCluster, tests/sdk/nodejs/helm_test.go (a refresh goes on here, and warns)."""
    settings = {"enable_config_map_mutable": True}
    program.write(CONFIG, **settings).up().succeeded()
    more = CONFIG + CONFIG.replace('"c"', '"more"').replace('"1"', '"2"')

    program.write(CONFIG, kubeconfig=NOWHERE, **settings)
    quiet = program.preview().succeeded()
    assert quiet.ops == {}
    assert any("unreachable" in text for text in quiet.warnings)

    program.write(more.replace('"1"', '"3"'), kubeconfig=NOWHERE, **settings)
    assert program.preview().succeeded().ops == {"c": "update", "more": "create"}
    failed = program.up("--continue-on-error")
    assert set(failed.failed) == {"c", "more"}
    assert len(failed.refused().splitlines()) == 1

    seen = program.refresh().succeeded()
    assert seen.ops == {}
    assert any("unreachable" in text for text in seen.warnings)
    assert "unreachable" in program.destroy().refused()
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}


def test_what_a_dead_cluster_held_is_forgotten_only_where_that_is_asked_for(program):
    """Source: the setting deleteUnreachable of the Provider; Delete, provider/pkg/provider/provider.go."""
    program.write(CONFIG).up().succeeded()
    program.write("", kubeconfig=NOWHERE, delete_unreachable=True)

    assert program.up().succeeded().ops == {"c": "delete"}

    assert "c" not in program.state()


def test_lists_are_refused_in_one_line(program):
    """Source: TestIsListURN, provider/pkg/kinds/util_test.go."""
    program.write('k8s.core.v1.ConfigMapList("c", items=[], opts=here())')

    assert "ConfigMapList" in program.preview().refused()
    assert "ConfigMapList" in program.up().refused()
