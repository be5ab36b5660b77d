"""Names that the plugin chooses, and which changes need a new object."""

import re

import pytest

DEPLOYMENT = """
    labels = {"app": APP}
    k8s.apps.v1.Deployment(
        "web",
        metadata=meta("web"),
        spec={
            "replicas": 1,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.test/web"}]},
            },
        },
        opts=here(),
    )
"""
CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta({name}), data={{"a": "{value}"}}, {more}opts=here())
"""
SERVICE = """
    k8s.core.v1.Service(
        "s", metadata=meta("s"), spec={{"cluster_ip": "{address}", "ports": [{{"port": 80}}]}}, opts=here()
    )
"""


def test_a_name_is_chosen_once_kept_and_new_with_each_replacement(program, live):
    """Source: TestAutonaming, tests/sdk/nodejs/nodejs_test.go;
    TestAdoptName, provider/pkg/metadata/naming_test.go.
    """
    first = program.write(CONFIG.format(name="", value="1", more="")).up().succeeded()
    name = first.steps["c"].inputs["metadata"]["name"]
    assert re.fullmatch(r"c-[0-9a-f]{8}", name)
    assert live("v1", "ConfigMap", name)["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert program.preview().succeeded().ops == {}

    program.write(CONFIG.format(name="", value="2", more=""))
    assert program.preview().succeeded().ops == {"c": "replace"}
    program.up().succeeded()

    new = program.state()["c"]["inputs"]["metadata"]["name"]
    assert new != name
    assert live("v1", "ConfigMap", name) is None
    assert live("v1", "ConfigMap", new)["data"] == {"a": "2"}


def test_another_name_is_another_object_made_before_the_old_one_goes(program, live):
    """Source: TestPreviewReplacements, tests/sdk/yaml/preview_test.go."""
    program.write(CONFIG.format(name='"one"', value="1", more="")).up().succeeded()

    program.write(CONFIG.format(name='"two"', value="1", more=""))
    assert program.preview().succeeded().steps["c"].changes == {"metadata.name": "update-replace"}
    done = program.up().succeeded()

    assert done.ops == {"c": "replace"}
    assert [op for name, op in done.order if name == "c"][:2] == ["create-replacement", "replace"]
    assert live("v1", "ConfigMap", "one") is None
    assert live("v1", "ConfigMap", "two")


def test_what_keeps_its_name_is_deleted_before_it_is_made_anew(program, live):
    """Source: delete-before-replace, tests/sdk/nodejs; Diff, provider/pkg/provider/provider.go."""
    program.write('\n    APP = "one"' + DEPLOYMENT).up().succeeded()
    uid = live("apps/v1", "Deployment", "web")["metadata"]["uid"]

    program.write('\n    APP = "two"' + DEPLOYMENT)
    assert program.preview().succeeded().ops == {"web": "replace"}
    done = program.up().succeeded()

    assert [op for name, op in done.order if name == "web"] == [
        "delete-replaced",
        "replace",
        "create-replacement",
    ]
    assert live("apps/v1", "Deployment", "web")["metadata"]["uid"] != uid


@pytest.mark.parametrize(
    ("settings", "more", "op"),
    [
        ({}, "", "replace"),
        ({"enable_config_map_mutable": True}, "", "update"),
        ({"enable_config_map_mutable": True}, "immutable=True, ", "replace"),
    ],
)
def test_a_configmaps_data_replaces_it_unless_it_is_mutable(settings, more, op, program, live):
    """Source: TestConfigMapAndSecretImmutability, tests/sdk/yaml/configmap_test.go."""
    program.write(CONFIG.format(name='"c"', value="1", more=more), **settings).up().succeeded()

    program.write(CONFIG.format(name='"c"', value="2", more=more), **settings)

    assert program.up().succeeded().ops == {"c": op}
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}


def test_another_cluster_address_replaces_a_service(program, live):
    """Source: forceNew, provider/pkg/provider/diff.go (spec.clusterIP)."""
    program.write(SERVICE.format(address="None")).up().succeeded()

    program.write(SERVICE.format(address=""))
    assert program.up().succeeded().ops == {"s": "replace"}

    assert live("v1", "Service", "s")["spec"]["clusterIP"] != "None"


def test_another_cluster_replaces_everything_and_another_way_to_the_same_one_nothing(program, proxy):
    """Source: TestDiffConfig, provider/pkg/provider/provider_test.go."""
    config = 'k8s.core.v1.ConfigMap("c", metadata=meta(), data={"a": "1"}, opts=here())'
    program.write(config).up().succeeded()

    program.write(config, kubeconfig=proxy.kubeconfig)
    assert program.preview().succeeded().ops == {}

    program.write(config, kubeconfig=proxy.kubeconfig, cluster_identifier="another")
    assert program.preview().succeeded().ops == {"c": "replace"}

    program.write(config, kubeconfig=proxy.kubeconfig, cluster_identifier=None)
    assert program.preview().succeeded().ops == {"c": "replace"}
