"""Every family of resources: created, left alone, changed in place, deleted."""

BODY = """
    labels = {"app": "web"}
    pod = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "web", "image": IMAGE, "ports": [{"container_port": 80}]}]},
    }
    once = {"spec": {**pod["spec"], "restart_policy": "Never"}}
    role = {"api_groups": [""], "resources": ["pods"], "verbs": VERBS}
    selector = {"match_labels": labels}

    def wide(name):
        return {"name": f"{NAMESPACE}-{name}", "labels": {"size": SIZE}}

    def of(name):
        return meta(name, labels={"size": SIZE})

    k8s.core.v1.ConfigMap("configmap", metadata=of("x"), data={"a": "1"}, opts=here())
    k8s.core.v1.Secret("secret", metadata=of("x"), string_data={"a": "1"}, opts=here())
    k8s.core.v1.ServiceAccount("serviceaccount", metadata=of("x"), opts=here())
    k8s.core.v1.Service(
        "service", metadata=of("x"), spec={"selector": labels, "ports": [{"port": PORT}]}, opts=here()
    )
    k8s.core.v1.ResourceQuota("quota", metadata=of("x"), spec={"hard": {"secrets": PORT}}, opts=here())
    k8s.core.v1.LimitRange(
        "limits",
        metadata=of("x"),
        spec={"limits": [{"type": "Container", "default": {"memory": SIZE}}]},
        opts=here(),
    )
    k8s.core.v1.Namespace("namespace", metadata=wide("x"), opts=here())
    k8s.apps.v1.Deployment(
        "deployment",
        metadata=of("x"),
        spec={"replicas": 2, "selector": selector, "template": pod},
        opts=here(),
    )
    k8s.apps.v1.StatefulSet(
        "statefulset",
        metadata=of("x"),
        spec={"service_name": "x", "replicas": 1, "selector": selector, "template": pod},
        opts=here(),
    )
    k8s.apps.v1.DaemonSet(
        "daemonset", metadata=of("x"), spec={"selector": selector, "template": pod}, opts=here()
    )
    k8s.batch.v1.Job("job", metadata=of("x"), spec={"template": once}, opts=here())
    k8s.batch.v1.CronJob(
        "cronjob",
        metadata=of("x"),
        spec={"schedule": f"{PORT % 60} 4 * * *", "job_template": {"spec": {"template": once}}},
        opts=here(),
    )
    k8s.rbac.v1.Role("role", metadata=of("x"), rules=[role], opts=here())
    k8s.rbac.v1.ClusterRole("clusterrole", metadata=wide("x"), rules=[role], opts=here())
    k8s.rbac.v1.RoleBinding(
        "rolebinding",
        metadata=of("x"),
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"},
        subjects=[{"kind": "ServiceAccount", "name": "x", "namespace": NAMESPACE}],
        opts=here(),
    )
    k8s.networking.v1.NetworkPolicy(
        "networkpolicy", metadata=of("x"), spec={"pod_selector": selector}, opts=here()
    )
    k8s.networking.v1.Ingress(
        "ingress",
        # Nothing here would give it the address that it is awaited for.
        metadata=meta("x", labels={"size": SIZE}, annotations={"pulumi.com/skipAwait": "true"}),
        spec={"default_backend": {"service": {"name": "x", "port": {"number": PORT}}}},
        opts=here(),
    )
    k8s.policy.v1.PodDisruptionBudget(
        "budget", metadata=of("x"), spec={"selector": selector, "min_available": PORT % 2}, opts=here()
    )
    k8s.autoscaling.v2.HorizontalPodAutoscaler(
        "autoscaler",
        metadata=of("x"),
        spec={
            "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "other"},
            "max_replicas": PORT,
        },
        opts=here(),
    )
    k8s.storage.v1.StorageClass(
        "storageclass", metadata=wide("x"), provisioner="example.test/none", opts=here()
    )
    k8s.scheduling.v1.PriorityClass("priorityclass", metadata=wide("x"), value=7, opts=here())
    k8s.coordination.v1.Lease("lease", metadata=of("x"), spec={"holder_identity": SIZE}, opts=here())
    k8s.admissionregistration.v1.ValidatingWebhookConfiguration(
        "webhook", metadata=wide("x"), webhooks=[], opts=here()
    )
"""
FIRST = "\n    SIZE, PORT, VERBS, IMAGE = '1Gi', 80, ['get'], 'example.test/web:1'" + BODY
SECOND = "\n    SIZE, PORT, VERBS, IMAGE = '2Gi', 81, ['get', 'list'], 'example.test/web:2'" + BODY
REPLACED = {"job"}
"""A Job's template cannot change."""


def test_every_family_is_created_left_alone_changed_and_deleted(program, api, namespace):
    """Source: TestSmoke and TestGuestbook, tests/sdk/python/python_test.go;
    forceNew, provider/pkg/provider/diff.go.
    """
    created = program.write(FIRST).up().succeeded()
    families = set(created.ops)
    assert set(created.ops.values()) == {"create"}
    assert created.warnings == []
    assert len(families) == BODY.count("opts=here()")

    assert program.preview().succeeded().ops == {}
    assert program.refresh().succeeded().ops == {}

    program.write(SECOND)
    told = program.preview().succeeded()
    assert told.ops == {name: "replace" if name in REPLACED else "update" for name in families}
    done = program.up().succeeded()
    assert done.ops == told.ops
    assert {name: step.changes for name, step in done.steps.items()} == {
        name: step.changes for name, step in told.steps.items()
    }
    assert program.up().succeeded().ops == {}

    gone = program.destroy().succeeded()
    assert gone.ops == dict.fromkeys(families, "delete")
    for version, kind in (("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("batch/v1", "Job")):
        left = {item["metadata"]["name"] for item in api.items(version, kind, namespace)}
        assert left <= {"kube-root-ca.crt"}
