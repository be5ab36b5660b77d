"""Which change of which kind needs a new object, and which one is an update."""

from dataclasses import dataclass, field
from typing import Any

import pytest

DIFF_GO = "forceNew, provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes"


@dataclass(frozen=True)
class Rule:
    """One kind whose `{value}` changes from the first to the second; `op` is what the change is."""

    body: str
    first: str
    second: str
    op: str = "replace"
    source: str = DIFF_GO
    settings: dict[str, Any] = field(default_factory=dict)


POD = """
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "example.test/web"}]}}
    once = {"spec": {**pod["spec"], "restart_policy": "Never"}}
    quiet = {"pulumi.com/skipAwait": "true"}
"""
RULES = {
    "StatefulSet serviceName": Rule(
        """
    k8s.apps.v1.StatefulSet("x", metadata=meta("x"), spec={{"service_name": "{value}", "replicas": 0,
        "selector": {{"match_labels": labels}}, "template": pod}}, opts=here())""",
        "one",
        "two",
    ),
    "DaemonSet selector": Rule(
        """
    labels = {{"app": "{value}"}}
    k8s.apps.v1.DaemonSet("x", metadata=meta("x", annotations=quiet), spec={{"selector": {{"match_labels": labels}},
        "template": {{**pod, "metadata": {{"labels": labels}}}}}}, opts=here())""",
        "one",
        "two",
        source=f"{DIFF_GO}; TestReplaceDaemonSet, tests/sdk/nodejs/nodejs_test.go",
    ),
    "Job parallelism": Rule(
        """
    k8s.batch.v1.Job("x", metadata=meta("x", annotations=quiet), spec={{"parallelism": {value}, "template": once}},
        opts=here())""",
        "1",
        "2",
    ),
    "CronJob schedule": Rule(
        """
    k8s.batch.v1.CronJob("x", metadata=meta("x"), spec={{"schedule": "{value} 4 * * *",
        "job_template": {{"spec": {{"template": once}}}}}}, opts=here())""",
        "1",
        "2",
        "update",
    ),
    "RoleBinding roleRef": Rule(
        """
    k8s.rbac.v1.RoleBinding("x", metadata=meta("x"), role_ref={{"api_group": "rbac.authorization.k8s.io",
        "kind": "Role", "name": "{value}"}}, opts=here())""",
        "one",
        "two",
    ),
    "StorageClass parameters": Rule(
        """
    k8s.storage.v1.StorageClass("x", metadata={{"name": f"{{NAMESPACE}}-x"}}, provisioner="example.test/none",
        parameters={{"size": "{value}"}}, opts=here())""",
        "one",
        "two",
    ),
    "PersistentVolume source": Rule(
        """
    k8s.core.v1.PersistentVolume("x", metadata={{"name": f"{{NAMESPACE}}-x"}}, spec={{"capacity": {{"storage": "1Gi"}},
        "access_modes": ["ReadWriteOnce"], "host_path": {{"path": "/{value}"}}}}, opts=here())""",
        "one",
        "two",
    ),
    "PersistentVolumeClaim accessModes": Rule(
        """
    k8s.core.v1.PersistentVolumeClaim("x", metadata=meta("x", annotations=quiet), spec={{"access_modes": ["{value}"],
        "storage_class_name": "none", "resources": {{"requests": {{"storage": "1Gi"}}}}}}, opts=here())""",
        "ReadWriteOnce",
        "ReadOnlyMany",
    ),
    "Pod image": Rule(
        """
    k8s.core.v1.Pod("x", metadata=meta("x", annotations=quiet), spec={{"termination_grace_period_seconds": 0,
        "containers": [{{"name": "web", "image": "{value}"}}]}}, opts=here())""",
        "example.test/one",
        "example.test/two",
        source=f"{DIFF_GO}; TestPod, tests/sdk/nodejs/nodejs_test.go",
    ),
    "Pod label": Rule(
        """
    k8s.core.v1.Pod("x", metadata=meta("x", annotations=quiet, labels={{"a": "{value}"}}),
        spec=once["spec"], opts=here())""",
        "one",
        "two",
        "update",
    ),
    "ResourceQuota scopes": Rule(
        """
    k8s.core.v1.ResourceQuota("x", metadata=meta("x"), spec={{"hard": {{"pods": "1"}}, "scopes": ["{value}"]}},
        opts=here())""",
        "Terminating",
        "NotTerminating",
    ),
    "Secret data": Rule(
        """
    k8s.core.v1.Secret("x", metadata=meta("x"), string_data={{"a": "{value}"}}, opts=here())""",
        "one",
        "two",
        source="TestConfigMapAndSecretImmutability, tests/sdk/yaml/configmap_test.go",
    ),
    "Secret data, mutable": Rule(
        """
    k8s.core.v1.Secret("x", metadata=meta("x"), string_data={{"a": "{value}"}}, opts=here())""",
        "one",
        "two",
        "update",
        source="TestConfigMapAndSecretImmutability, tests/sdk/yaml/configmap_test.go (enableSecretMutable)",
        settings={"enable_secret_mutable": True},
    ),
    "ConfigMap annotation": Rule(
        """
    k8s.core.v1.ConfigMap("x", metadata=meta("x", annotations={{"a": "{value}"}}), binary_data={{"a": "MQ=="}},
        opts=here())""",
        "one",
        "two",
        "update",
        source="TestConfigMapAndSecretImmutability, tests/sdk/yaml/configmap_test.go (its third step)",
    ),
    "PodDisruptionBudget": Rule(
        """
    k8s.policy.v1.PodDisruptionBudget("x", metadata=meta("x"), spec={{"selector": {{"match_labels": labels}},
        "min_available": {value}}}, opts=here())""",
        "1",
        "2",
        "update",
        source=f"{DIFF_GO} (policy/v1beta1 alone replaces)",
    ),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_change_replaces_what_the_server_would_refuse_to_change(rule, program):
    bodies = [POD + rule.body.format(value=value) for value in (rule.first, rule.second)]
    assert program.write(bodies[0], **rule.settings).up().succeeded().ops == {"x": "create"}

    done = program.write(bodies[1], **rule.settings).deploy()

    assert done.ops == {"x": rule.op}
    if rule.op == "replace":
        assert done.order[-3:][0][1] == "delete-replaced"
    assert program.destroy().succeeded().ops == {"x": "delete"}
