"""What is waited for when an object goes, and what goes with it; and a Job that is made anew.

`source` names what a case is checked against: the provider's documentation of annotations
(pulumi.com/registry/packages/kubernetes), or a test of pulumi/pulumi-kubernetes.
"""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.kubernetes.playing import MERGE, made
from conformance.kubernetes.programs import Program

_HOLD = "example.test/hold"
_PRELUDE = """
CORE, APPS = k8s.core.v1, k8s.apps.v1
POD = {"containers": [{"name": "a", "image": "example.test/a"}]}


def held(name, limit="600", **more):
    found = {f"pulumi.com/{key}": value for key, value in more.items()}
    return meta(name, finalizers=["HOLD"], annotations={"pulumi.com/timeoutSeconds": limit, **found})


def marked(name, **more):
    return meta(name, annotations={f"pulumi.com/{key}": value for key, value in more.items()})


def workload(name):
    labels = {"app": name}
    return {"selector": {"match_labels": labels}, "template": {"metadata": {"labels": labels}, "spec": POD}}

""".replace("HOLD", _HOLD)


@dataclass(frozen=True)
class Case:
    """A resource that is deleted; `said` is what the error names where it does not go."""

    source: str
    body: str
    kind: tuple[str, str]
    said: str = ""
    held: bool = True


_SKIPS = "metadata/overrides_test.go: TestDeletedCondition; tests/sdk/yaml/await_test.go: TestAwaitSkip"
CASES = {
    "pod": Case(
        _SKIPS,
        'CORE.Pod("pod", metadata=held("pod", skipAwait="true"), spec=POD, opts=here())',
        ("v1", "Pod"),
    ),
    "replication-controller": Case(
        _SKIPS,
        'CORE.ReplicationController("replication-controller", metadata=held("replication-controller", '
        'skipAwait="true"), spec={"replicas": 0, "selector": {"app": "rc"}, "template": {"metadata": {"labels": '
        '{"app": "rc"}}, "spec": POD}}, opts=here())',
        ("v1", "ReplicationController"),
    ),
    **{
        name: Case(
            _SKIPS,
            f'APPS.{kind}("{name}", metadata=held("{name}", skipAwait="true"), '
            f'spec={{{more}**workload("{name}")}}, opts=here())',
            ("apps/v1", kind),
        )
        for name, kind, more in [
            ("deployment", "Deployment", ""),
            ("daemon-set", "DaemonSet", ""),
            ("stateful-set", "StatefulSet", '"service_name": "none", '),
        ]
    },
    "job": Case(
        _SKIPS,
        'k8s.batch.v1.Job("job", metadata=held("job", skipAwait="true"), spec={"template": {"spec": {**POD, '
        '"restart_policy": "Never"}}}, opts=here())',
        ("batch/v1", "Job"),
    ),
    "config-map": Case(
        "metadata/overrides.go: allowsSkipAwaitWithDelete; other kinds are waited for whatever skipAwait says",
        'CORE.ConfigMap("config-map", metadata=held("config-map", "2", skipAwait="true"), data={"a": "1"}, opts=here())',
        ("v1", "ConfigMap"),
        said=_HOLD,
    ),
    "service": Case(
        "condition/deleted.go: finalizers that might prevent deletion are named",
        'CORE.Service("service", metadata=held("service", "2"), spec={"ports": [{"port": 80}]}, opts=here())',
        ("v1", "Service"),
        said=_HOLD,
    ),
    "freed": Case(
        "condition/deleted_test.go: deleted while it is awaited",
        'CORE.ConfigMap("freed", metadata=held("freed"), data={"a": "1"}, opts=here())',
        ("v1", "ConfigMap"),
        held=False,
    ),
    "limit-of-the-resource": Case(
        "CHANGELOG: customTimeouts for resource deletion",
        'CORE.ConfigMap("limit-of-the-resource", metadata=held("limit-of-the-resource"), data={"a": "1"}, '
        'opts=here(custom_timeouts=pulumi.CustomTimeouts(delete="2s")))',
        ("v1", "ConfigMap"),
        said=_HOLD,
    ),
    "gone-before": Case(
        "await_test.go: TestDeletion, not found is deleted",
        'CORE.ConfigMap("gone-before", metadata=marked("gone-before"), data={"a": "1"}, opts=here())',
        ("v1", "ConfigMap"),
        held=False,
    ),
    "of-another": Case(
        "kubernetes.io/docs/reference/using-api/api-concepts: a UID tells an object from the next one of its name",
        'CORE.ConfigMap("of-another", metadata=marked("of-another"), data={"a": "1"}, opts=here())',
        ("v1", "ConfigMap"),
    ),
}
POLICIES = {"orphan": True, "background": False, "foreground": False}


@pytest.fixture(scope="module")
def deleted(folder, engine, api, kubeconfig):
    """All cases made in one program, and destroyed."""
    name = "deleted"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    program = Program(folder / name, engine, name, name, kubeconfig)
    policies = "".join(
        f'\nAPPS.Deployment("{each}", metadata=marked("{each}", deletionPropagationPolicy="{each}"), '
        f'spec=workload("{each}"), opts=here())'
        for each in POLICIES
    )
    program.write(_PRELUDE + "\n".join(case.body for case in CASES.values()) + policies).up().succeeded()
    for gone in ("gone-before", "of-another"):
        api.delete(_named("v1", "ConfigMap", gone))
    api.apply({**_named("v1", "ConfigMap", "of-another"), "data": {"b": "theirs"}}, manager="somebody")
    begun = time.monotonic()

    def free():
        if time.monotonic() - begun < 4:
            return False
        _free(api, _named("v1", "ConfigMap", "freed"))
        return True

    with made([free]):
        run = program.destroy("--continue-on-error", "--parallel", "100")
    yield run, program.state()
    for each, case in CASES.items():
        _free(api, _named(*case.kind, each))
    program.destroy().succeeded()
    assert not [each for each in program.state().values() if each["custom"]]


def _named(version, kind, name) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "deleted"}}


def _free(api, manifest):
    live = api.get(manifest)
    if live is not None:
        api.request("PATCH", api.path(live), {"metadata": {"finalizers": None}}, content_type=MERGE)


@pytest.mark.parametrize("name", CASES)
def test_what_is_waited_for_when_it_goes(name, deleted, api):
    case, (run, state) = CASES[name], deleted
    live = api.get(_named(*case.kind, name))
    assert (live is not None) is case.held
    told = [text for text in run.errors if f"/{name}:" in text]
    assert any(case.said in text for text in told) if case.said else not told
    assert (name in state) is bool(case.said)
    if name == "of-another":
        assert live["data"] == {"b": "theirs"}
    elif live is not None:
        assert live["metadata"]["deletionTimestamp"]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_goes_with_it(policy, deleted, api):
    """Source: annotation deletionPropagationPolicy; metadata/overrides_test.go: TestDeletionPropagation."""
    run, _state = deleted
    assert not [text for text in run.errors if f"/{policy}:" in text]
    assert api.get(_named("apps/v1", "Deployment", policy)) is None

    def sets():
        return api.items("apps/v1", "ReplicaSet", "deleted", labelSelector=f"app={policy}")

    end = time.monotonic() + (20 if policy == "background" else 0)
    while sets() and time.monotonic() < end:
        time.sleep(0.1)
    assert bool(sets()) is POLICIES[policy]
    if policy == "foreground":
        assert api.items("v1", "Pod", "deleted", labelSelector=f"app={policy}") == []


def test_what_goes_while_it_is_awaited_is_told(program, api, namespace):
    """Source: statefulset.go and service.go: an object that is deleted is not ready."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}}

    def delete():
        return api.get(pod) is not None and api.delete(pod)

    program.write("""
        spec = {"node_selector": {"pool": "none"}, "containers": [{"name": "a", "image": "a"}]}
        k8s.core.v1.Pod("p", metadata=meta("p"), spec=spec, opts=here())
    """)
    with made([delete]):
        assert "deleted meanwhile" in program.up().refused()
    assert program.refresh().succeeded().ops == {"p": "delete"}


def test_an_object_whose_kind_is_gone_is_gone(program, api, namespace):
    """Source: await.go: nilIfGVKDeleted, a definition is often deleted before its objects."""
    group = f"{namespace}.example.test"
    program.write(f"""
        reefs = k8s.apiextensions.v1.CustomResourceDefinition(
            "reefs",
            metadata={{"name": "reefs.{group}"}},
            spec={{
                "group": "{group}",
                "scope": "Namespaced",
                "names": {{"kind": "Reef", "plural": "reefs"}},
                "versions": [
                    {{
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {{"open_apiv3_schema": {{"type": "object"}}}},
                    }}
                ],
            }},
            opts=here(),
        )
        k8s.apiextensions.CustomResource(
            "reef", api_version="{group}/v1", kind="Reef", metadata=meta("reef"), opts=here(depends_on=[reefs])
        )
    """).up().succeeded()
    api.delete(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"reefs.{group}"},
        }
    )

    program.destroy().succeeded()

    assert not [each for each in program.state().values() if each["custom"]]


_JOB = """
    job = k8s.batch.v1.Job(
        "job",
        metadata=meta("job", annotations={"pulumi.com/replaceUnready": "REPLACE"}),
        spec={
            "active_deadline_seconds": DEADLINE,
            "template": {
                "spec": {
                    "restart_policy": "Never",
                    "node_selector": SELECTOR,
                    "containers": [{"name": "a", "image": "example.test/a"}],
                }
            },
        },
        opts=here(),
    )
"""


def _job(replace, deadline="1", selector='{"pool": "none"}'):
    return _JOB.replace("REPLACE", replace).replace("DEADLINE", deadline).replace("SELECTOR", selector)


def test_a_job_that_is_not_ready_is_made_anew_where_it_says_so(program, live):
    """Source: batch/v1/job, replaceUnready; tests/sdk/nodejs/nodejs_test.go: TestReplaceUnready, steps 1 to 3."""
    assert "DeadlineExceeded" in program.write(_job("false")).up().refused()
    first = live("batch/v1", "Job", "job")["metadata"]["uid"]
    assert program.preview().succeeded().ops == {"job": "update"}
    assert "DeadlineExceeded" in program.up().refused()
    assert live("batch/v1", "Job", "job")["metadata"]["uid"] == first

    program.write(_job("true", deadline="60", selector="{}"))
    assert program.preview().succeeded().ops == {"job": "replace"}
    program.up().succeeded()
    second = live("batch/v1", "Job", "job")["metadata"]["uid"]
    assert second != first
    # A Job that is ready is not replaced.
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


def test_an_unready_job_alone_is_reason_enough(program, live):
    """Source: provider.go: replaceUnready adds a replacement where nothing else changed."""
    assert "DeadlineExceeded" in program.write(_job("true")).up().refused()
    first = live("batch/v1", "Job", "job")["metadata"]["uid"]
    shown = program.preview().succeeded()
    assert shown.ops == {"job": "replace"}
    assert set(shown.steps["job"].changes) == {'metadata.annotations["pulumi.com/replaceUnready"]'}
    assert "DeadlineExceeded" in program.up().refused()
    assert live("batch/v1", "Job", "job")["metadata"]["uid"] != first
