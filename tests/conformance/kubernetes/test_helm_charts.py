"""helm.v4.Chart: the objects of a chart as children of one component.

Sources: CHART is https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v4/chart; HELM is
https://helm.sh/docs.
"""

import base64
import http.server
import threading

import pytest

from atoll.helm import Helm
from conformance.kubernetes import charts

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: reefs.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: reefs, singular: reef, kind: Reef}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
REEF = """
apiVersion: GROUP/v1
kind: Reef
metadata: {name: reef}
spec: {depth: 3}
"""
HOOK = """
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
"""
KEPT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
"""
SEEN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: seen}
data:
  found: {{ (lookup "v1" "ConfigMap" .Release.Namespace "there").data.text | default "nothing" | quote }}
  served: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}
  version: {{ .Capabilities.KubeVersion.Version }}
  release: {{ .Release.Name }}
"""
_PASSWORD = "hunter-of-tests"


def _chart(body, name="web"):
    return f"""
chart = k8s.helm.v4.Chart({name!r}, {body}, opts=ResourceOptions(providers=[cluster]))
"""


@pytest.fixture
def data(live):
    """The data of a ConfigMap as it lives; None where there is none."""

    def look(name):
        found = live("v1", "ConfigMap", name)
        return found and found.get("data")

    return look


def test_a_chart_lives_as_its_objects_definitions_first_and_hooks_left_out(helm_program, live, data):
    """Source: CHART, and TestHelmV4 of tests/sdk/nodejs/helm-v4."""
    program, space = helm_program, helm_program.namespace
    group = f"{space}.example.test"
    charts.write(
        program.folder / "reef",
        {
            "one": charts.config("one"),
            "two": charts.config("two", "other"),
            "hook": HOOK,
            "reef": REEF.replace("GROUP", group),
        },
        {"text": "a", "other": "b"},
        crds={"reefs": DEFINITION.replace("GROUP", group)},
    )
    children = {f"web:{space}/{name}" for name in ("one", "two", "reef")} | {f"web:reefs.{group}"}

    program.write(_chart('chart="./reef", namespace=NAMESPACE'), enable_config_map_mutable=True)
    first = program.deploy()
    assert first.ops == dict.fromkeys([*children, "web"], "create")
    assert live("v1", "ConfigMap", "hook") is None
    assert program.state()[f"web:{space}/reef"]["dependencies"][0].endswith(f"reefs.{group}")

    program.write(
        _chart('chart="./reef", namespace=NAMESPACE, values={"other": "c"}'), enable_config_map_mutable=True
    )
    assert program.deploy().ops == {f"web:{space}/two": "update"}
    assert (data("one"), data("two")) == ({"text": "a"}, {"text": "c"})
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()
    assert (data("one"), data("two")) == (None, None)


def test_templates_see_the_cluster_the_release_and_what_is_served(helm_program, put, data, api):
    """Source: HELM (chart_template_guide/builtin_objects, functions_and_pipelines: lookup)."""
    program = helm_program
    put("v1", "ConfigMap", "there", data={"text": "seen"})
    charts.write(program.folder / "looks", {"seen": SEEN})
    program.write(_chart('chart="./looks", namespace=NAMESPACE, name="named"')).up().succeeded()

    version = api.request("GET", "/version")["gitVersion"]
    assert data("seen") == {"found": "seen", "served": "true", "version": version, "release": "named"}


def test_prefix_policy_and_awaiting_are_those_of_the_chart(helm_program, data):
    """Source: CHART (resourcePrefix, skipAwait, skipCrds), HELM (howto/charts_tips_and_tricks: keep)."""
    program, space = helm_program, helm_program.namespace
    charts.write(
        program.folder / "keeps",
        {"kept": KEPT, "one": charts.config("one")},
        {"text": "a"},
        crds={"reefs": DEFINITION.replace("GROUP", f"{space}.example.test")},
    )
    body = 'chart="./keeps", namespace=NAMESPACE, resource_prefix="p", skip_await=True, skip_crds=True'
    done = program.write(_chart(body)).up().succeeded()

    assert done.ops == {"web": "create", f"p:{space}/kept": "create", f"p:{space}/one": "create"}
    annotations = done.steps[f"p:{space}/one"].inputs["metadata"]["annotations"]
    assert annotations == {"pulumi.com/skipAwait": "true"}
    program.destroy().succeeded()
    assert data("one") is None
    assert data("kept") is None or data("kept") == {}


def test_values_come_in_layers_and_a_secret_one_stays_secret(helm_program, data):
    """Source: CHART (valueYamlFiles, values), https://www.pulumi.com/docs/iac/concepts/secrets."""
    program = helm_program
    template = charts.config("one", "map.a") + "---\n" + charts.config("two", "map.b")
    template += "---\n" + charts.config("three", "secret")
    charts.write(program.folder / "layers", {"all": template}, {"map": {"a": "0", "b": "0"}, "secret": "0"})
    (program.folder / "more.yaml").write_text("map: {a: '1', b: '1'}")
    body = f"""chart="./layers", namespace=NAMESPACE,
        value_yaml_files=[pulumi.FileAsset("more.yaml"), pulumi.StringAsset("map: {{b: '2'}}")],
        values={{"map": {{"b": "3"}}, "secret": pulumi.Output.secret({_PASSWORD!r})}}"""
    program.write(_chart(body)).up().succeeded()

    assert [data(name)["text"] for name in ("one", "two", "three")] == ["1", "3", _PASSWORD]
    assert _PASSWORD not in program.state_text()
    assert program.preview().succeeded().ops == {}


def test_a_value_that_is_not_known_yet_leaves_the_objects_out_of_the_preview(helm_program, data):
    """Source: the error text "Input properties have unknown values. Preview is incomplete." of CHART's provider."""
    program = helm_program
    charts.write(program.folder / "waits", {"one": charts.config("one")}, {"text": "a"})
    service = """
service = k8s.core.v1.Service("web", metadata=meta("web"), spec={"ports": [{"port": 80}]}, opts=here())
"""
    body = 'chart="./waits", namespace=NAMESPACE, values={"text": service.spec.cluster_ip}'
    told = program.write(service + _chart(body, "chart")).preview().succeeded()

    assert told.ops == {"web": "create", "chart": "create"}
    assert "not known yet" in " ".join(told.warnings)
    program.up().succeeded()
    assert data("one")["text"].startswith("10.")


@pytest.fixture
def repository(tmp_path):
    """A chart repository that asks for a login: its address, and the paths that were asked for."""
    charts.write(tmp_path / "stored", {"one": charts.config("one")}, {"text": "a"})
    asked = []
    token = base64.b64encode(f"reader:{_PASSWORD}".encode()).decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def do_GET(self):
            asked.append(self.path)
            if self.headers.get("authorization") != f"Basic {token}":
                self.send_error(401)
            else:
                super().do_GET()

        def log_message(self, *_arguments):
            """Says nothing."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{served.server_port}"
    with Helm() as helm:
        helm.run("package", tmp_path / "stored", "--destination", tmp_path)
        helm.run("repo", "index", tmp_path, "--url", address)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield address, asked
    served.shutdown()
    served.server_close()


def test_a_repository_lets_in_who_has_a_login_and_tells_who_has_not(helm_program, repository, data):
    """Source: CHART (repositoryOpts), HELM (topics/chart_repository)."""
    program, (address, asked) = helm_program, repository
    body = """chart="stored", version="1.0.0", namespace=NAMESPACE,
        repository_opts={{"repo": {!r}, "username": "reader", "password": pulumi.Output.secret({!r})}}"""
    program.write(_chart(body.format(address, _PASSWORD))).up().succeeded()

    assert data("one") == {"text": "a"}
    assert {"/index.yaml", "/stored-1.0.0.tgz"} <= set(asked)
    assert _PASSWORD not in program.state_text()
    refused = " ".join(program.write(_chart(body.format(address, "wrong"))).preview().errors)
    assert "401" in refused
    assert "wrong" not in refused


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('chart="./schema", post_renderer={"command": "true"}', "postRenderer: found an input"),
        ('chart="./schema", values={"text": 1}', "at '/text': got number, want string"),
        ('chart="./none"', "none"),
    ],
)
def test_what_no_chart_can_be_made_of_is_refused_in_one_line(body, says, helm_program):
    """Source: CHART (postRenderer, values, chart, repositoryOpts), HELM (topics/charts: schema files)."""
    schema = {"properties": {"text": {"type": "string"}}}
    charts.write(helm_program.folder / "schema", {"one": charts.config("one")}, {"text": "a"}, schema=schema)

    assert says in " ".join(helm_program.write(_chart(body)).preview().errors)


def test_where_there_is_no_helm_one_line_says_what_brings_it(helm_program, tmp_path):
    """Source: the description of Atoll's own toolchain, README.md."""
    charts.write(helm_program.folder / "lacks", {"one": charts.config("one")}, {"text": "a"})
    helm_program.environment["ATOLL_CACHE"] = str(tmp_path)

    refused = " ".join(helm_program.write(_chart('chart="./lacks"')).preview().errors)
    assert "helm: found none" in refused
    assert "Run: atoll tools install helm" in refused
