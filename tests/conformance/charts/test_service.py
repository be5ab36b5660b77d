"""The chart `service`: what it renders stays as it is, and a real API server takes it; what it refuses is told."""

import copy
import json
import re
from typing import Any

import pytest
import yaml

from atoll.kubernetes import ApiError
from harness import golden, helm

_RESTRICTED = 'violates PodSecurity "restricted:latest": '
_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "as root": ({"runAsUser": 0}, f"{_RESTRICTED}runAsUser=0"),
    "as who knows whom": ({"runAsNonRoot": False}, f"{_RESTRICTED}runAsNonRoot != true"),
    "with new privileges": (
        {"allowPrivilegeEscalation": True},
        f"{_RESTRICTED}allowPrivilegeEscalation != false",
    ),
    "with a capability": ({"capabilities": {"add": ["SYS_ADMIN"]}}, _RESTRICTED),
    "without a profile of system calls": ({"seccompProfile": {"type": "Unconfined"}}, _RESTRICTED),
    # A server that lets nobody be privileged says so before admission is asked.
    "privileged": ({"privileged": True, "allowPrivilegeEscalation": True}, "disallowed by cluster policy"),
}
"""What somebody could do to the chart's container and the server does not let in, and what it says."""


@pytest.mark.parametrize("name", helm.NAMES)
def test_a_case_renders_as_it_did(name, tmp_path):
    golden.compare(helm.CASES / "rendered" / f"{name}.yaml", helm.rendered(tmp_path, name))


@pytest.mark.parametrize("name", helm.NAMES)
def test_helms_own_linter_finds_nothing_in_a_case(name, tmp_path):
    helm.helm(tmp_path, "lint", "--strict", helm.CHART, *helm.layers(helm.case(name)))


@pytest.mark.parametrize("name", helm.NAMES)
def test_a_real_api_server_takes_a_case_without_a_word(name, tmp_path, api, namespace):
    said: list[str] = []
    live = api.telling(said.append)
    objects = helm.documents(helm.rendered(tmp_path, name, namespace))
    pods = [pod(each) for each in objects if each["kind"] in {"Deployment", "StatefulSet"}]

    for each in (*objects, *pods):
        # An unknown field is an error then, and what the standard refuses in a workload is a warning.
        live.apply(each, dry_run=True)

    assert len(pods) == 1
    assert said == []


def pod(workload):
    """The pod that a workload's controller would make, which admission refuses or lets in."""
    template = copy.deepcopy(workload["spec"]["template"])
    template["spec"]["serviceAccountName"] = "default"
    named = {"name": "pod", "namespace": workload["metadata"]["namespace"]}
    # A pod has the disks of its set from the controller.
    for claim in workload["spec"].get("volumeClaimTemplates", []):
        source = {"persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
        template["spec"].setdefault("volumes", []).append({"name": claim["metadata"]["name"], **source})
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], **named}}


@pytest.mark.parametrize("change", _CHANGES)
def test_the_same_pod_is_not_let_in(change, tmp_path, api, namespace):
    objects = helm.documents(helm.rendered(tmp_path, "plain", namespace))
    (workload,) = (each for each in objects if each["kind"] == "Deployment")
    fields, said = _CHANGES[change]
    changed = pod(workload)
    changed["spec"]["containers"][0]["securityContext"].update(fields)

    with pytest.raises(ApiError, match=re.escape(said)):
        api.apply(changed, dry_run=True)


@pytest.mark.parametrize("reason", helm.REFUSED)
def test_what_values_cannot_be_is_refused_with_its_reason(reason, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(yaml.safe_dump(helm.REFUSED[reason]["values"]))

    done = helm.helm(tmp_path, "template", "web", helm.CHART, *helm.layers(bad), check=False)

    assert done.code
    assert done.stdout == ""
    assert helm.REFUSED[reason]["says"] in done.stderr


def test_without_values_the_chart_asks_for_an_image(tmp_path):
    done = helm.helm(tmp_path, "template", "web", helm.CHART, check=False)

    assert done.code
    assert "at '/image': missing properties 'repository', 'digest'" in done.stderr


def test_a_changed_file_changes_the_pods_and_nothing_else_does(tmp_path):
    def checksum(text, **more):
        values = tmp_path / "values.yaml"
        values.write_text(yaml.safe_dump({"config": {"files": {"a": text}}, **more}))
        made = helm.helm(tmp_path, "template", "web", helm.CHART, *helm.layers(values)).stdout
        (found,) = re.findall(r"checksum/config: (\w{64})$", made, re.MULTILINE)
        return found

    assert checksum("one") == checksum("one", replicas=3)
    assert checksum("one") != checksum("two")


def test_two_parts_of_one_release_do_not_meet(tmp_path):
    parts = [
        {"name": "service", "alias": alias, "version": ">=0", "repository": helm.CHART.as_uri()}
        for alias in ("web", "worker")
    ]
    above = tmp_path / "shop"
    above.mkdir()
    meta = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": parts}
    (above / "Chart.yaml").write_text(yaml.safe_dump(meta))
    image = yaml.safe_load((helm.CASES / "image.yaml").read_text())
    shared = {"global": {"region": "north"}}
    (above / "values.yaml").write_text(json.dumps({"web": image, "worker": {**image, "port": 0}, **shared}))
    helm.helm(tmp_path, "dependency", "update", above)

    made = helm.documents(helm.helm(tmp_path, "template", "shop", above).stdout)
    names = [(each["kind"], each["metadata"]["name"]) for each in made]
    selectors = [
        each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for each in made
        if each["kind"] == "Deployment"
    ]

    assert len(names) == len(set(names))
    assert ("Service", "shop-web") in names
    assert sorted(selectors) == ["shop-web", "shop-worker"]
