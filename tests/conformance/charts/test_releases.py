"""Releases by the engine in a real cluster: the chart `service` object by object, a chart with hooks by helm itself."""

import shutil

import pytest
import yaml

from atoll.charts import packaging, publishing, rendered
from atoll.core import files
from atoll.core.errors import ArgsError
from atoll.registry.logins import Login, docker_config
from atoll.testing import plain
from conformance.kubernetes import charts
from harness import environments, helm
from harness.registry import PASSWORD, USER

_STACK = "urn:pulumi:dev::atoll::"
_IMAGE = yaml.safe_load((helm.CASES / "image.yaml").read_text())
_HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    spec:
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: c
          image: registry.example.test/hook
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


def _release(values, source=None, **more):
    chosen = source or {"path": str(helm.CHART)}
    return f"""
from atoll.charts import Release
Release("web", {{
    "source": {chosen!r}, "kubernetes": cluster, "namespace": NAMESPACE, "access": KUBECONFIG, "values": {values!r},
    **{more!r},
}})
"""


_KINDS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
"""What the chart makes, and by which version."""


def _marks(api, namespace):
    """What changes of each object when somebody writes it, by kind."""
    label = "app.kubernetes.io/managed-by=Helm"
    found = {
        kind: api.items(version, kind, namespace, labelSelector=label) for kind, version in _KINDS.items()
    }
    return {
        kind: [
            (
                each["metadata"]["name"],
                each["metadata"].get("generation", each["metadata"]["resourceVersion"]),
            )
            for each in entries
        ]
        for kind, entries in found.items()
    }


def _writes(run):
    """How often a run wrote an object."""
    return [op for _, op in run.order if op not in {"same", "refresh"}]


def test_a_release_lives_object_by_object(program, api, put):
    settings = {"enable_config_map_mutable": True}
    values = [_IMAGE, {"config": {"files": {"motd": "one"}}}]
    program.write(_release(values), **settings).preview().succeeded()
    program.up().succeeded()
    first = _marks(api, program.namespace)
    assert {kind: len(marks) for kind, marks in first.items()} == dict.fromkeys(_KINDS, 1)
    assert program.up().succeeded().ops == {}
    assert _marks(api, program.namespace) == first

    program.write(_release([*values, {"config": {"files": {"motd": "two"}}}]), **settings)
    assert _writes(program.up().succeeded()) == ["update", "update"]
    second = _marks(api, program.namespace)
    assert {kind for kind in _KINDS if first[kind] != second[kind]} == {"ConfigMap", "Deployment"}

    ((name, _),) = second["ConfigMap"]
    put("v1", "ConfigMap", name, "kubectl-edit", data={"motd": "other"})
    program.refresh().succeeded()
    assert _writes(program.up().succeeded()) == ["update"]
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": program.namespace},
    }
    assert api.get(config)["data"] == {"motd": "two"}

    program.destroy().succeeded()
    assert not any(_marks(api, program.namespace).values())


def test_what_drifts_of_a_release_with_hooks_is_seen_and_put_back(program, api, put, tmp_path):
    folder = charts.write(
        tmp_path / "hooked",
        {"one": charts.config("one"), "two": charts.config("two"), "hook": _HOOK},
        {"text": "a"},
    )
    body = _release([{"text": "b"}], {"path": str(folder)}, hooks=True)
    program.write(body).deploy()
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "hook", "namespace": program.namespace},
    }
    assert api.get(job)["status"]["succeeded"] == 1
    assert program.refresh().succeeded().steps["web-objects"].changes == {}

    put("v1", "ConfigMap", "one", data={"text": "other"})
    two = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "two", "namespace": program.namespace},
    }
    api.delete(two)
    seen = program.refresh().succeeded().steps["web-objects"].inputs["drifted"]
    assert seen == [
        f"ConfigMap {program.namespace}/one: data.text",
        f"ConfigMap {program.namespace}/two: gone",
    ]
    assert program.preview().succeeded().ops == {"web-objects": "update"}
    program.up().succeeded()
    assert api.get(two)["data"] == {"text": "b"}
    assert program.refresh().succeeded().steps["web-objects"].changes == {}

    program.write(_release([{"text": "c"}], {"path": str(folder)}, hooks=True))
    assert program.up().succeeded().ops == {"web-release": "update", "web-objects": "update"}
    assert api.get(two)["data"] == {"text": "c"}
    program.destroy().succeeded()
    assert api.get(two) is None


@pytest.fixture
def hooked(runner, destination, tmp_path):
    """A chart with a hook in a registry that asks for a login: its name by digest."""
    folder = tmp_path / "hooked"
    charts.write(folder, {"one": charts.config("one"), "hook": _HOOK}, {"text": "a"}, description="d")
    return publishing.publish(runner, packaging.package(runner, folder), destination).reference


def test_helm_is_let_in_by_a_file_of_logins_and_trusts_whom_the_environment_does(
    hooked, program, api, registry, tmp_path
):
    """Source: helmReleaseSettings of https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider."""
    logins, trust = tmp_path / "logins.json", tmp_path / "trusted"
    trust.mkdir()
    (trust / "ca.crt").write_text(registry.authority)
    program.environment["SSL_CERT_DIR"] = str(trust)
    body = f'k8s.helm.v3.Release("web", name="web", namespace=NAMESPACE, chart={hooked!r}, opts=here())'
    program.write(body, helm_release_settings={"registryConfigPath": str(logins)})
    logins.write_text("{}")
    assert "basic credential not found" in program.preview().refused()

    files.write(logins, docker_config(Login(registry.host, USER, PASSWORD)))
    program.deploy()
    assert api.get(_object(program, "batch/v1", "Job", "hook"))["status"]["succeeded"] == 1
    assert api.get(_object(program, "v1", "ConfigMap", "one"))["data"] == {"text": "a"}
    assert program.up().succeeded().ops == {}
    assert PASSWORD not in program.state_text()
    del program.environment["SSL_CERT_DIR"]
    assert "certificate signed by unknown authority" in program.preview().refused()
    logins.unlink()
    program.destroy().succeeded()


def _object(program, version, kind, name):
    metadata = {"name": name, "namespace": program.namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def test_wrong_values_are_told_all_at_once_before_anything_is_made(program):
    values = [_IMAGE, {"replica": 3, "port": "http", "image": {"digest": "latest"}}]
    said = " ".join(program.write(_release(values)).preview().errors)

    assert "values.replica: found an unknown name; expected one of: " in said
    assert "Did you mean 'replicas'?" in said
    assert "values.port: found a text; expected " in said
    assert "values.image.digest: found a text; expected " in said


@pytest.mark.parametrize("name", ["plain", "worker"])
def test_what_is_rendered_for_many_clusters_is_what_helm_renders(name):
    values = [_IMAGE, yaml.safe_load(helm.case(name).read_text())]
    made = rendered({"path": str(helm.CHART)}, name, "shop", values)

    kept = helm.documents((helm.CASES / "rendered" / f"{name}.yaml").read_text())
    for each in kept:
        each["metadata"].setdefault("namespace", "shop")
        # No helm looks after them.
        assert each["metadata"]["labels"].pop("app.kubernetes.io/managed-by") == "Helm"
    assert made == kept


def _declared(values):
    """Two more releases of the guestbook's namespace: one for a group, one with hooks for a cluster."""
    values["releases"] |= {
        "shop": {
            "chart": {"path": "charts/service"},
            "namespace": "guestbook",
            "groups": ["north"],
            "values": _IMAGE,
        },
        "hooked": {
            "chart": {"path": "charts/service"},
            "namespace": "guestbook",
            "clusters": ["motu"],
            "values": _IMAGE,
            "hooks": True,
        },
        "published": {
            "chart": {"publication": "service"},
            "namespace": "guestbook",
            "clusters": ["motu"],
            "values": _IMAGE,
            "hooks": True,
        },
    }


def test_a_declared_release_goes_where_its_groups_say(tmp_path):
    stacks = tmp_path / "stacks"
    shutil.copytree(environments.STACKS, stacks)
    (tmp_path / "charts").symlink_to(helm.CHART.parent)
    values = yaml.safe_load((stacks / "dev.yaml").read_text())
    _declared(values)
    (stacks / "dev.yaml").write_text(yaml.safe_dump(values))
    before = environments.recorded("dev").resources
    made = environments.built(stacks, "dev").resources
    added = {urn.partition("::atoll::")[2]: each for urn, each in made.items() if urn not in before}

    assert all(each.inputs == made[urn].inputs for urn, each in before.items())
    placed = added[
        "atoll:index:Propagation$kubernetes:policy.karmada.io/v1alpha1:ClusterPropagationPolicy::shop-release-placement"
    ]
    affinity = plain(placed.inputs)["spec"]["placement"]["clusterAffinity"]["clusterNames"]
    assert affinity == ["lagoon", "reef"]
    assert (
        "atoll:index:Propagation$kubernetes:apps/v1:Deployment::control-plane-deployment.apps.guestbook.shop"
        in added
    )
    release = added[
        "atoll:index:Cluster$atoll:index:Release$kubernetes:helm.sh/v3:Release::hooked-motu-release"
    ]
    assert plain(release.inputs)["name"] == "hooked"
    assert added["atoll:index:Cluster$atoll:index:Release$atoll:index:ReleasedObjects::hooked-motu-objects"]
    own = "atoll:index:Cluster$pulumi:providers:kubernetes::motu-kubernetes"
    assert release.request.provider.startswith(f"{_STACK}{own}::")
    published = added[
        "atoll:index:Cluster$atoll:index:Release$kubernetes:helm.sh/v3:Release::published-motu-release"
    ]
    assert plain(published.inputs)["chart"] == "service/reference"
    provider = added["atoll:index:Cluster$pulumi:providers:kubernetes::motu-helm"]
    assert published.request.provider.startswith(f"{provider.urn}::")
    assert {urn.rpartition("::")[2] for urn in provider.request.dependencies} >= {"helm-registries"}
    assert dict(provider.request.envVarMappings) == {
        "ATOLL_HELM_REGISTRIES": "PULUMI_K8S_HELM_REGISTRY_CONFIG_PATH",
        "ATOLL_DOCKER_TRUST": "SSL_CERT_DIR",
    }
    logins = added["atoll:index:HelmLogins$atoll:index:RegistryLogins::helm-registries"]
    assert plain(logins.inputs)["registries"][0]["registry"] == "depot"
    assert not any("shop-motu" in name or "hooked-lagoon" in name for name in added)


def test_what_cannot_go_to_many_clusters_is_refused(tmp_path):
    hooked = charts.write(tmp_path / "hooked", {"hook": _HOOK})
    with pytest.raises(ArgsError, match=r"found hooks \(Job hook\)"):
        rendered({"path": str(hooked)}, "web", "shop")
    with pytest.raises(ArgsError, match=r"release web: values\.image\.digest: found none"):
        rendered({"path": str(helm.CHART)}, "web", "shop", [{"image": {"repository": "r.example.test/a"}}])
