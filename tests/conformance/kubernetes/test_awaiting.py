"""What is waited for, how long, and what is left when it does not come."""

import http.server
import ssl
import threading

import pytest

from atoll.core import x509

DEPLOYMENT = """
    labels = {"app": "web"}
    web = k8s.apps.v1.Deployment(
        "web",
        metadata=meta("web", annotations=ANNOTATIONS),
        spec={
            "replicas": 2,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"node_selector": SELECTOR, "containers": [{"name": "web", "image": IMAGE}]},
            },
        },
        opts=here(),
    )
    pulumi.export("available", web.status.available_replicas)
"""


def _deployment(selector="{}", image="example.test/web", annotations="{}"):
    return f"\n    SELECTOR, IMAGE, ANNOTATIONS = {selector}, {image!r}, {annotations}" + DEPLOYMENT


def test_a_deployment_is_awaited_until_its_replicas_are_available_also_after_a_change(program, live):
    """Source: TestDeploymentRollout, tests/sdk/nodejs/nodejs_test.go;
    Test_Apps_Deployment, provider/pkg/await/deployment_test.go.
    """
    program.write(_deployment()).up().succeeded()
    assert program.outputs() == {"available": 2}

    program.write(_deployment(image="example.test/other")).up().succeeded()

    status = live("apps/v1", "Deployment", "web")["status"]
    assert (status["updatedReplicas"], status["availableReplicas"]) == (2, 2)


NOWHERE = "{'pool': 'none'}"


def test_a_deployment_that_does_not_come_keeps_its_state_and_the_next_run_converges(program, live):
    """Source: Test_Apps_Deployment, provider/pkg/await/deployment_test.go;
    ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept).
    """
    limit = '{"pulumi.com/timeoutSeconds": "2"}'
    run = program.write(_deployment(NOWHERE, annotations=limit)).up()
    line = run.refused()
    assert "Deployment" in line
    assert "0 of 2" in line
    uid = live("apps/v1", "Deployment", "web")["metadata"]["uid"]
    assert program.state()["web"]["outputs"]["metadata"]["uid"] == uid

    # Nothing changed in the program, and still it is waited for again, also after a refresh.
    assert "0 of 2" in program.up().refused()
    seen = program.refresh().succeeded()
    assert any("0 of 2" in text for text in seen.warnings)
    assert "0 of 2" in program.up().refused()

    program.write(_deployment(annotations=limit)).up().succeeded()
    assert live("apps/v1", "Deployment", "web")["metadata"]["uid"] == uid
    assert program.up().succeeded().ops == {}


def test_skip_await_waits_for_nothing(program):
    """Source: TestSkipAwaitLogic, provider/pkg/metadata/overrides_test.go;
    TestAwaitSkip, tests/sdk/yaml/await_test.go.
    """
    program.write(_deployment(NOWHERE, annotations='{"pulumi.com/skipAwait": "true"}')).up().succeeded()


def test_the_resources_own_time_limit_goes_before_the_annotation(program):
    """Source: TestTimeoutSeconds, provider/pkg/metadata/overrides_test.go."""
    body = _deployment(NOWHERE, annotations='{"pulumi.com/timeoutSeconds": "600"}')
    limited = body.replace("opts=here()", 'opts=here(custom_timeouts=pulumi.CustomTimeouts(create="1s"))')

    assert "0 of 2" in program.write(limited).up().refused()


@pytest.mark.parametrize(
    ("wait_for", "comes"),
    [
        ("jsonpath={.data.a}=1", True),
        ("jsonpath={.data.a}", True),
        ("jsonpath={.data.a}=2", False),
        ("condition=Ready", False),
    ],
)
def test_a_program_says_itself_what_ready_means(wait_for, comes, program):
    """Source: TestReadyCondition, provider/pkg/metadata/overrides_test.go;
    TestJSONPath, provider/pkg/await/condition/jsonpath_test.go.
    """
    run = program.write(f"""
        waits = {{"pulumi.com/waitFor": {wait_for!r}, "pulumi.com/timeoutSeconds": "1"}}
        k8s.core.v1.ConfigMap("c", metadata=meta("c", annotations=waits), data={{"a": "1"}}, opts=here())
    """).up()

    if comes:
        run.succeeded()
    else:
        assert "ConfigMap" in run.refused()
    assert "c" in program.state()


def test_a_condition_is_awaited(program):
    """Source: TestCustom, provider/pkg/await/condition/custom_test.go."""
    waits = '{"pulumi.com/waitFor": "condition=Available"}'
    program.write(_deployment(annotations=waits)).up().succeeded()
    assert program.outputs() == {"available": 2}


def test_what_cannot_be_read_as_a_condition_is_refused_before_anything_is_written(program, live):
    """Source: TestReadyCondition, provider/pkg/metadata/overrides_test.go."""
    line = (
        program.write("""
        waits = {"pulumi.com/waitFor": "whenever"}
        k8s.core.v1.ConfigMap("c", metadata=meta("c", annotations=waits), data={"a": "1"}, opts=here())
    """)
        .up()
        .refused()
    )

    assert "waitFor" in line
    assert live("v1", "ConfigMap", "c") is None


def test_a_service_account_token_is_filled_when_its_secret_is_made(program):
    """Source: TestServiceAccountTokenSecret, tests/sdk/nodejs/nodejs_test.go."""
    program.write("""
        account = k8s.core.v1.ServiceAccount("a", metadata=meta("a"), opts=here())
        token = k8s.core.v1.Secret(
            "token",
            metadata=meta("token", annotations={"kubernetes.io/service-account.name": account.metadata["name"]}),
            type="kubernetes.io/service-account-token",
            opts=here(),
        )
        pulumi.export("keys", token.data.apply(sorted))
    """)
    program.preview().succeeded()
    program.up().succeeded()

    assert program.outputs() == {"keys": ["ca.crt", "namespace", "token"]}


def test_a_namespace_is_awaited_when_it_comes_and_when_it_goes(program, api, namespace):
    """Source: TestNamespace, tests/sdk/nodejs/nodejs_test.go."""
    program.write("""
        space = k8s.core.v1.Namespace("space", metadata={"name": f"{NAMESPACE}-more"}, opts=here())
        k8s.core.v1.ConfigMap(
            "c", metadata={"name": "c", "namespace": space.metadata["name"]}, data={"a": "1"}, opts=here()
        )
        pulumi.export("phase", space.status.phase)
    """).up().succeeded()
    assert program.outputs() == {"phase": "Active"}

    program.destroy().succeeded()

    assert (
        api.get({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{namespace}-more"}}) is None
    )


def test_a_finalizer_holds_up_the_deletion_and_is_named(program, api, live):
    """Source: TestDeleted, provider/pkg/await/condition/deleted_test.go."""
    limited = '{"pulumi.com/timeoutSeconds": "1"}'
    program.write(f"""
        k8s.core.v1.ConfigMap(
            "c",
            metadata=meta("c", finalizers=["example.test/hold"], annotations={limited}),
            data={{"a": "1"}},
            opts=here(),
        )
    """).up().succeeded()

    assert "example.test/hold" in program.destroy().refused()
    assert "c" in program.state()
    held = live("v1", "ConfigMap", "c")
    assert held["metadata"]["deletionTimestamp"]

    freed = {"metadata": {"finalizers": None}}
    api.request("PATCH", api.path(held), freed, content_type="application/merge-patch+json")
    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "c") is None


def test_an_object_on_its_way_out_is_waited_for_before_its_name_is_taken(program, api, put, live):
    """Source: TestDeleted, provider/pkg/await/condition/deleted_test.go;
    TestExistingObjectBlocksCreate, tests/sdk/yaml/existing_object_test.go.
    """
    old = put("v1", "ConfigMap", "c", data={"a": "old"}, metadata={"finalizers": ["example.test/hold"]})
    api.delete(old)
    config = """
        limited = {"pulumi.com/timeoutSeconds": "1"}
        k8s.core.v1.ConfigMap("c", metadata=meta("c", annotations=limited), data={"a": "new"}, opts=here())
    """
    assert "example.test/hold" in program.write(config).up().refused()

    freed = {"metadata": {"finalizers": None}}
    api.request("PATCH", api.path(old), freed, content_type="application/merge-patch+json")
    program.up().succeeded()
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "new"}


@pytest.mark.parametrize("way", ["refresh", "update"])
def test_an_object_that_somebody_began_to_delete_is_made_anew(program, api, live, way):
    """Source: TestDeleted, provider/pkg/await/condition/deleted_test.go."""
    config = 'k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "TEXT"}, opts=here())'
    program.write(config.replace("TEXT", "old")).up().succeeded()
    old = live("v1", "ConfigMap", "c")
    merge = "application/merge-patch+json"
    held = {"metadata": {"finalizers": ["example.test/hold"]}}
    api.request("PATCH", api.path(old), held, content_type=merge)
    api.delete(old)
    freed = {"metadata": {"finalizers": None}}
    free = threading.Timer(3, lambda: api.request("PATCH", api.path(old), freed, content_type=merge))

    free.start()
    if way == "refresh":
        assert program.refresh().succeeded().ops == {"c": "delete"}
    program.write(config.replace("TEXT", "new")).up().succeeded()

    made = live("v1", "ConfigMap", "c")
    assert made["data"] == {"a": "new"}
    assert made["metadata"]["uid"] != old["metadata"]["uid"]
    assert program.preview().succeeded().ops == {}


def test_an_object_that_does_not_go_is_kept_by_a_look(program, api, live):
    """Source: TestDeleted, provider/pkg/await/condition/deleted_test.go (it is there until its finalizers are gone)."""
    program.write("""
        held = {"finalizers": ["example.test/hold"]}
        k8s.core.v1.ConfigMap("c", metadata=meta("c", **held), data={"a": "1"}, opts=here())
    """).up().succeeded()
    old = live("v1", "ConfigMap", "c")
    api.delete(old)

    assert program.refresh().succeeded().ops == {}

    assert "c" in program.state()
    freed = {"metadata": {"finalizers": None}}
    api.request("PATCH", api.path(old), freed, content_type="application/merge-patch+json")


def test_an_api_service_is_awaited_and_says_what_is_missing(program):
    """Source: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server (the condition Available)."""
    body = """
        k8s.apiregistration.v1.APIService(
            "api",
            metadata={"name": f"v1.{NAMESPACE}.example.test", "annotations": {"pulumi.com/timeoutSeconds": "LIMIT"}},
            spec={
                "group": f"{NAMESPACE}.example.test",
                "version": "v1",
                "group_priority_minimum": 100,
                "version_priority": 100,
                "insecure_skip_tls_verify": True,
                "service": {"name": "none", "namespace": NAMESPACE},
            },
            opts=here(),
        )
    """
    line = program.write(body.replace("LIMIT", "3")).up().refused()
    assert "APIService" in line
    assert "none" in line
    program.destroy().succeeded()


class _Aggregated(http.server.BaseHTTPRequestHandler):
    """An API server that is aggregated: it comes up late."""

    refusals = 2

    def do_GET(self):
        late, type(self).refusals = self.refusals > 0, self.refusals - 1
        self.send_response(503 if late else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_words):
        pass


@pytest.fixture
def aggregated(tmp_path):
    """The port of such a server, over TLS as the API server demands."""
    leaf = x509.leaf(x509.authority("aggregated"), x509.Subject("aggregated", hosts=("localhost",)))
    (tmp_path / "pem").write_bytes(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    handler = type("_Own", (_Aggregated,), {})
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_an_api_service_is_awaited_until_it_is_available(program, aggregated, api):
    """Source: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server (the condition Available)."""
    body = """
        service = k8s.core.v1.Service(
            "service",
            metadata=meta("aggregated", annotations={"pulumi.com/skipAwait": "true"}),
            spec={"type": "ExternalName", "external_name": "localhost"},
            opts=here(),
        )
        k8s.apiregistration.v1.APIService(
            "api",
            metadata={"name": f"v1.{NAMESPACE}.example.test"},
            spec={
                "group": f"{NAMESPACE}.example.test",
                "version": "v1",
                "group_priority_minimum": 100,
                "version_priority": 100,
                "insecure_skip_tls_verify": True,
                "service": {"name": "aggregated", "namespace": NAMESPACE, "port": PORT},
            },
            opts=here(depends_on=[service]),
        )
    """
    program.write(body.replace("PORT", str(aggregated))).up().succeeded()

    found = api.items("apiregistration.k8s.io/v1", "APIService")
    (ours,) = (each for each in found if each["metadata"]["name"].endswith(".example.test"))
    available = {each["type"]: each["status"] for each in ours["status"]["conditions"]}
    assert available == {"Available": "True"}
    program.destroy().succeeded()
