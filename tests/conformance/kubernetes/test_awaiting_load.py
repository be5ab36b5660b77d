"""Awaiting many objects costs the API server little, and who waits hears soon."""

import re
import threading
import time

from conformance.kubernetes.playing import MERGE

_MANY = 100
_SECONDS = 5
_PROGRAM = f"""
waits = {{"pulumi.com/waitFor": "jsonpath={{.metadata.labels.go}}=yes", "pulumi.com/timeoutSeconds": "60"}}
for number in range({_MANY}):
    name = f"c-{{number}}"
    k8s.core.v1.ConfigMap(name, metadata=meta(name, annotations=waits), data={{"a": "1"}}, opts=here())
"""


def _looks(api):
    """How often the API server was asked for a single ConfigMap since it started."""
    text = api.request("GET", "/metrics")["text"]
    counted = re.findall(
        r'^apiserver_request_total\{[^}]*resource="configmaps"[^}]*verb="GET"[^}]*\} (\S+)$',
        text,
        re.MULTILINE,
    )
    return sum(float(value) for value in counted)


def test_many_who_wait_share_one_watch_and_hear_at_once(program, api, namespace):
    """Source: pull request 1647 of pulumi/pulumi-kubernetes (one shared informer for all awaits)."""
    program.write(_PROGRAM)
    runs = []
    thread = threading.Thread(target=lambda: runs.append(program.up("--parallel", "200")))
    thread.start()
    try:
        end = time.monotonic() + 60
        while len(api.items("v1", "ConfigMap", namespace)) <= _MANY and time.monotonic() < end:
            time.sleep(0.2)
        # Each asks a few times at first, since most objects are ready soon.
        time.sleep(3)
        before = _looks(api)
        time.sleep(_SECONDS)
        looked = _looks(api) - before
        for found in api.items("v1", "ConfigMap", namespace):
            path = f"/api/v1/namespaces/{namespace}/configmaps/{found['metadata']['name']}"
            api.request("PATCH", path, {"metadata": {"labels": {"go": "yes"}}}, content_type=MERGE)
        told = time.monotonic()
    finally:
        thread.join()
    heard = time.monotonic() - told

    runs[0].succeeded()
    # One look a second of each would be 500; controllers of the cluster look at a few of their own.
    assert before > _MANY
    assert looked < _MANY
    assert heard < 10
    assert program.up().succeeded().ops == {}
    program.destroy("--parallel", "200").succeeded()
