"""helm.v3.Release: a release as helm itself makes it, hooks and all.

Sources: RELEASE is https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v3/release; HELM is
https://helm.sh/docs.
"""

import contextlib
import os
import signal
import threading

import psutil
import pytest

from atoll.helm import Helm, HelmError, storage
from conformance.kubernetes import charts
from harness.waiting import until

_HOOK = """
apiVersion: batch/v1
kind: Job
metadata:
  name: hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: registry.example.test/hook}]
"""
_NEVER = """
apiVersion: v1
kind: Pod
metadata: {name: never, annotations: {revision: "{{ .Release.Revision }}"}}
spec:
  nodeSelector: {no: where}
  containers: [{name: c, image: registry.example.test/never}]
"""
_PASSWORD = "hunter-of-tests"


def _release(body, name="web", **more):
    options = "".join(f", {key}={value}" for key, value in more.items())
    return f"""
release = k8s.helm.v3.Release({name!r}, name={name!r}, namespace=NAMESPACE, {body}, opts=here({options[2:]}))
for output in ("status", "resource_names", "version"):
    pulumi.export(output, getattr(release, output))
"""


@pytest.fixture
def kept(api, namespace):
    """What helm keeps of a release."""
    return lambda name="web": storage.latest(api, namespace, name)


@pytest.fixture
def data(live):
    """The text in a ConfigMap as it lives; None where there is none."""

    def look(name):
        found = live("v1", "ConfigMap", name)
        return found and found["data"]["text"]

    return look


@pytest.fixture
def chart(helm_program):
    """Writes the chart `c` of the test's program."""

    def write(values, *, hook=False, **templates):
        made = {"one": charts.config("one"), **templates} | ({"hook": _HOOK} if hook else {})
        return charts.write(helm_program.folder / "c", made, values, appVersion="7")

    return write


def test_a_release_lives_with_its_hooks_and_tells_what_became_of_it(helm_program, chart, kept, live, data):
    """Source: RELEASE (outputs), and TestHelmRelease of tests/sdk/nodejs/nodejs_test.go."""
    program = helm_program
    chart({"text": "a"}, hook=True)
    program.write(_release('chart="./c"')).deploy()

    assert live("batch/v1", "Job", "hook")["status"]["succeeded"] == 1
    assert data("one") == "a"
    outputs = program.outputs()
    assert outputs["status"] == {
        "appVersion": "7",
        "chart": "c",
        "name": "web",
        "namespace": program.namespace,
        "revision": 1,
        "status": "deployed",
        "version": "1.0.0",
    }
    assert outputs["resource_names"] == {"ConfigMap/v1": ["one"]}
    assert program.up().succeeded().ops == {}

    changed = program.write(_release('chart="./c", values={"text": "b"}')).deploy()
    assert changed.ops == {"web": "update"}
    assert {"values.text", "checksum"} <= set(changed.steps["web"].changes)
    assert (data("one"), kept().revision) == ("b", 2)
    program.destroy().succeeded()
    assert (data("one"), kept()) == (None, None)


def test_values_that_others_gave_are_seen_and_taken_back(helm_program, chart, kept, data, kubeconfig):
    """Source: RELEASE, HELM (helm/helm_upgrade); issue pulumi-kubernetes#2734 wants it seen."""
    program = helm_program
    folder = chart({"text": "a"})
    program.write(_release('chart="./c", values={"text": "b"}')).up().succeeded()

    with Helm(kubeconfig) as helm:
        words = ["upgrade", "web", folder, "--namespace", program.namespace, "--values", "-"]
        helm.run(*words, stdin="text: c")
    assert program.refresh().succeeded().steps["web"].changes
    assert program.up().succeeded().ops == {"web": "update"}
    assert (data("one"), kept().values) == ("b", {"text": "b"})


def test_a_release_that_is_there_is_imported_or_refused_never_taken(helm_program, chart, kept, kubeconfig):
    """Source: RELEASE (Import), https://www.pulumi.com/docs/iac/concepts/options/import."""
    program = helm_program
    folder = chart({"text": "a"})
    with Helm(kubeconfig) as helm:
        helm.run("install", "web", folder, "--namespace", program.namespace)

    refused = program.write(_release('chart="./c"')).up().refused()
    assert f"release {program.namespace}/web: already exists in the cluster" in refused
    taken = """
found = k8s.helm.v3.Release.get("found", f"{NAMESPACE}/web", opts=here())
pulumi.export("status", found.status)
""" + _release(
        'chart="./c", version="1.0.0"',
        import_='f"{NAMESPACE}/web"',
        ignore_changes='["chart", "checksum", "resourceNames", "values"]',
    )
    done = program.write(taken).up().succeeded()
    assert ("web", "import") in done.order
    assert program.outputs()["resource_names"] == {"ConfigMap/v1": ["one"]}
    assert kept().labels["owner"] == "helm"


def test_an_atomic_change_that_fails_is_rolled_back_and_tried_again(helm_program, chart, kept, data):
    """Source: RELEASE (atomic, timeout), HELM (helm/helm_upgrade: --rollback-on-failure)."""
    program = helm_program
    chart({"text": "a"})
    program.write(_release('chart="./c", atomic=True, timeout=3')).up().succeeded()
    chart({"text": "b"}, never=_NEVER)

    refused = program.up()
    assert f"release {program.namespace}/web: " in " ".join(refused.errors)
    assert (data("one"), kept().status) == ("a", "deployed")
    chart({"text": "c"})
    assert program.up().succeeded().ops == {"web": "update"}
    assert data("one") == "c"


def test_a_first_install_that_fails_stays_in_the_state_and_the_next_run_mends_it(
    helm_program, chart, kept, data
):
    """Source: RELEASE ("failed to initialize completely" of the provider's error text)."""
    program = helm_program
    chart({"text": "a"}, never=_NEVER)
    assert program.write(_release('chart="./c", timeout=2')).up().code != 0
    assert (program.state()["web"]["type"], kept().status) == ("kubernetes:helm.sh/v3:Release", "failed")

    chart({"text": "b"})
    assert program.up().succeeded().ops == {"web": "update"}
    assert (data("one"), kept().status) == ("b", "deployed")
    program.destroy().succeeded()
    assert kept() is None


def test_what_a_killed_helm_left_half_done_is_ended_by_the_next_run(
    helm_program, chart, kept, data, tmp_path
):
    """Source: HELM (helm/helm_rollback; the error text "another operation (install/upgrade/rollback) is in progress")."""
    program = helm_program
    chart({"text": "a"})
    program.write(_release('chart="./c"')).up().succeeded()
    stuck = charts.write(tmp_path / "c", {"one": charts.config("one"), "never": _NEVER}, {"text": "x"})
    with Helm(program.kubeconfig) as helm:
        _killed(helm, ["upgrade", "web", stuck, "--namespace", program.namespace, "--wait"], kept)
    assert kept().status == "pending-upgrade"

    chart({"text": "b"})
    assert program.up().succeeded().ops == {"web": "update"}
    assert (data("one"), kept().status) == ("b", "deployed")


def _killed(helm, words, kept):
    """Runs helm and kills it as soon as it is at work."""
    running = threading.Thread(target=lambda: _quietly(helm, words))
    running.start()
    until(lambda: kept().is_pending, "helm to be at work")
    for child in psutil.Process(os.getpid()).children():
        if "upgrade" in child.cmdline():
            child.send_signal(signal.SIGKILL)
    running.join()


def _quietly(helm, words):
    with contextlib.suppress(HelmError):
        helm.run(*words)


def test_a_release_moves_with_its_name_and_makes_its_namespace(helm_program, chart, api):
    """Source: RELEASE (createNamespace, name), https://www.pulumi.com/docs/iac/concepts/resources/names."""
    program, space = helm_program, f"{helm_program.namespace}-more"
    chart({"text": "a"}, one=charts.config("'{{ .Release.Name }}'"))
    body = f"""
release = k8s.helm.v3.Release("auto", chart="./c", namespace={space!r}, create_namespace=True, skip_await=True,
                              {{}}opts=here())
"""
    program.write(body.format("")).up().succeeded()
    name = program.state()["auto"]["outputs"]["name"]
    assert name.startswith("auto-")
    assert _status(api, space, name) == "deployed"
    assert program.preview().succeeded().ops == {}

    program.write(body.format('name="named", ')).up().succeeded()
    assert _status(api, space, name) is None
    assert _status(api, space, "named") == "deployed"
    program.destroy().succeeded()


def test_a_secret_value_is_in_no_state_in_no_argument_and_in_no_error(helm_program, chart, live):
    """Source: RELEASE, https://www.pulumi.com/docs/iac/concepts/secrets; issue pulumi-kubernetes#999."""
    program = helm_program
    chart({"text": "a"})
    body = f'chart="./c", values={{"text": pulumi.Output.secret({_PASSWORD!r})}}'
    program.write(_release(body)).up().succeeded()

    assert live("v1", "ConfigMap", "one")["data"]["text"] == _PASSWORD
    assert _PASSWORD not in program.state_text()
    chart({"text": "a"}, bad='{{ fail (printf "not %s" .Values.text) }}')
    assert _PASSWORD not in program.up().text


def _status(api, space, name):
    found = storage.latest(api, space, name)
    return found and found.status


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('chart="./c", postrender="cat"', "postrender: found an input"),
        ('chart="./c", values={"text": 1}', "at '/text': got number, want string"),
    ],
)
def test_what_no_release_can_be_made_of_is_refused_in_one_line(body, says, helm_program):
    """Source: RELEASE (postrender, verify, values, chart), HELM (topics/charts: schema files)."""
    schema = {"properties": {"text": {"type": "string"}}}
    charts.write(helm_program.folder / "c", {"one": charts.config("one")}, {"text": "a"}, schema=schema)

    assert says in helm_program.write(_release(body)).preview().refused()
