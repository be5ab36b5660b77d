"""What a preview says is what the update does, and a preview never fails for what the update will mend."""

import pytest

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def test_a_preview_knows_what_the_server_fills_in_and_only_that(program):
    """Source: TestPreview, tests/sdk/nodejs/preview_test.go."""
    program.write("""
        service = k8s.core.v1.Service("web", metadata=meta("web"), spec={"ports": [{"port": 80}]}, opts=here())
        k8s.core.v1.ConfigMap(
            "copy",
            metadata=meta("copy"),
            data={
                "type": service.spec.type,
                "protocol": service.spec.ports[0].protocol,
                "address": service.spec.cluster_ip,
                "uid": service.metadata.uid,
            },
            opts=here(),
        )
    """)

    told = program.preview().succeeded().steps["copy"].inputs["data"]
    done = program.up().succeeded().steps["copy"].inputs["data"]

    assert told == {"type": "ClusterIP", "protocol": "TCP", "address": UNKNOWN, "uid": UNKNOWN}
    assert done["type"] == "ClusterIP"
    assert done["address"].startswith("10.")


CHAIN = """
    first = k8s.core.v1.Service(
        "first", metadata=meta("first", labels={"turn": TURN}), spec={"ports": [{"port": 80}]}, opts=here()
    )
    k8s.core.v1.ConfigMap(
        "second",
        metadata=meta("second"),
        data={"address": first.spec.cluster_ip, "uid": first.metadata.uid},
        opts=here(),
    )
"""


def test_outputs_that_an_update_leaves_alone_stay_known_so_that_nothing_downstream_changes(program):
    """Source: TestPreviewWithApply, tests/sdk/nodejs/preview_test.go."""
    program.write("\n    TURN = '1'" + CHAIN).up().succeeded()
    program.write("\n    TURN = '2'" + CHAIN)

    told = program.preview().succeeded()

    assert told.ops == {"first": "update"}
    assert told.steps["first"].changes == {"metadata.labels.turn": "update"}
    assert program.up().succeeded().ops == told.ops


def test_a_preview_goes_on_where_namespace_and_kind_are_yet_to_be_made(program):
    """Source: TestCRDs, tests/sdk/nodejs/nodejs_test.go; TestCRDPreviews, tests/sdk/yaml/preview_test.go."""
    made = program.write("""
        space = k8s.core.v1.Namespace("space", metadata={"name": f"{NAMESPACE}-more"}, opts=here())
        group = f"{NAMESPACE}.example.test"
        crd = k8s.apiextensions.v1.CustomResourceDefinition(
            "crd",
            metadata={"name": f"reefs.{group}"},
            spec={
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": "reefs", "singular": "reef", "kind": "Reef"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "open_apiv3_schema": {
                                "type": "object",
                                "properties": {
                                    "spec": {
                                        "type": "object",
                                        "x_kubernetes_preserve_unknown_fields": True,
                                    }
                                },
                            }
                        },
                    }
                ],
            },
            opts=here(),
        )
        k8s.apiextensions.CustomResource(
            "reef",
            api_version=f"{group}/v1",
            kind="Reef",
            metadata={"name": "reef", "namespace": space.metadata["name"]},
            spec={"depth": 3},
            opts=here(depends_on=[crd]),
        )
        k8s.core.v1.ConfigMap("config", metadata={"name": "config", "namespace": f"{NAMESPACE}-more"},
                              data={"a": "1"}, opts=here(depends_on=[space]))
    """)

    assert set(made.preview().succeeded().ops.values()) == {"create"}
    assert set(made.up().succeeded().ops) == {"space", "crd", "reef", "config"}
    assert made.preview().succeeded().ops == {}
    assert made.refresh().succeeded().ops == {}
    made.destroy().succeeded()


def test_a_preview_tells_what_the_server_will_refuse(program):
    """Source: TestPreview, tests/sdk/nodejs/preview_test.go."""
    line = (
        program.write("""
        k8s.core.v1.Service("web", metadata=meta("web"), spec={"ports": [{"port": 123456}]}, opts=here())
    """)
        .preview()
        .refused()
    )

    assert "Service" in line
    assert "123456" in line


@pytest.fixture
def webhook(api, namespace):
    """A webhook that nobody answers, so that the namespace takes no ConfigMap."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    manifest = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"{namespace}-guard"},
        "webhooks": [
            {
                "name": "guard.example.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            }
        ],
    }
    api.apply(manifest)
    yield
    api.delete(manifest)


@pytest.mark.usefixtures("webhook")
def test_a_webhook_that_does_not_answer_fails_the_update_and_not_the_preview(program):
    """Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers (failurePolicy)."""
    program.write("""
        k8s.core.v1.ConfigMap("config", metadata=meta("config"), data={"a": "1"}, opts=here())
    """)

    assert program.preview().succeeded().ops == {"config": "create"}
    assert "guard.example.test" in program.up().refused()
    assert "config" not in program.state()
