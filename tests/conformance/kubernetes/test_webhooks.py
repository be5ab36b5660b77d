"""Admission webhooks that take no dry runs: a preview is made without them, and the update asks them.

Sources: ADMISSION is
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#side-effects
"""

import base64
import http.server
import json
import ssl
import threading
import time
import uuid

import pytest
import urllib3

from atoll.core import x509
from atoll.kubernetes import ApiError

CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "1"}, opts=here())
"""
MUTABLE = {"enable_config_map_mutable": True}


class _Webhook(http.server.BaseHTTPRequestHandler):
    """Admits what is meant, and refuses what is only tried."""

    asked: list[bool]

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        request = review["request"]
        tried = bool(request.get("dryRun"))
        self.asked.append(tried)
        status = {"code": 403, "message": "dry runs are not for us"}
        response = {"uid": request["uid"], "allowed": not tried, **({"status": status} if tried else {})}
        body = json.dumps({**review, "response": response}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture
def webhook(tmp_path, namespace):
    """The configuration of a real webhook for the namespace's ConfigMaps, and what it was asked."""
    authority = x509.authority("webhook")
    leaf = x509.leaf(authority, x509.Subject("webhook", hosts=("127.0.0.1",)))
    (tmp_path / "pem").write_bytes(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    asked: list[bool] = []
    handler = type("_Own", (_Webhook,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield _configuration(namespace, server.server_port, authority), asked
        server.shutdown()


def _configuration(namespace, port, authority):
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    bundle = base64.b64encode(authority.certificate).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"{namespace}-guard"},
        "webhooks": [
            {
                "name": "guard.example.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "NoneOnDryRun",
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "timeoutSeconds": 5,
                "objectSelector": {},
                "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": bundle},
                "rules": [{**rule, "scope": "*"}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            }
        ],
    }


def _lives(program, live):
    """Made, changed, seen and destroyed, each with a preview that the webhook cannot spoil."""
    assert program.write(CONFIG, **MUTABLE).deploy().ops == {"c": "create"}
    assert program.write(CONFIG.replace('"1"', '"2"'), **MUTABLE).deploy().ops == {"c": "update"}
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "2"}
    assert program.refresh().succeeded().ops == {}
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


def test_a_webhook_that_refuses_dry_runs_spoils_no_preview(program, api, live, webhook):
    """Source: ADMISSION (request.dryRun); isDryRunDisabledError, provider/pkg/provider/provider.go."""
    configuration, asked = webhook
    api.apply(configuration)
    _known(api, program.namespace, "dry runs are not for us")

    _lives(program, live)

    assert {True, False} <= set(asked)
    api.delete(configuration)


def test_a_webhook_of_unknown_side_effects_spoils_no_preview(program, api, live, webhook, seat):
    """Source: ADMISSION; isDryRunDisabledError, provider/pkg/provider/provider.go ("does not support dry run").

    Version v1 admits no such webhook. A cluster that was upgraded may still hold one of v1beta1's days, so it is
    put where the API server reads it.
    """
    configuration, asked = webhook
    configuration["webhooks"][0]["sideEffects"] = "Unknown"
    with pytest.raises(ApiError, match="sideEffects: Unsupported value"):
        api.apply(configuration)
    _store(seat, configuration)
    _known(api, program.namespace, "does not support dry run")

    _lives(program, live)

    assert set(asked) == {False}
    api.delete(configuration)


def _known(api, namespace, says):
    """Waits until the API server asks the webhook."""
    trial = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "trial", "namespace": namespace}}
    end = time.monotonic() + 20
    while not (refusal := _refusal(api, trial)):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert says in refusal


def _refusal(api, trial):
    try:
        api.apply(trial, dry_run=True)
    except ApiError as error:
        return str(error)
    return ""


def _store(seat, configuration):
    """Writes an object past the API server, into its etcd."""
    key = f"/registry/validatingwebhookconfigurations/{configuration['metadata']['name']}"
    stored = {**configuration, "metadata": {**configuration["metadata"], "uid": str(uuid.uuid4())}}
    pair = {"key": _encoded(key), "value": _encoded(json.dumps(stored))}
    pool = urllib3.PoolManager(
        ca_certs=seat.pki("ca.crt"),
        cert_file=seat.pki("etcd-client.crt"),
        key_file=seat.pki("etcd-client.key"),
    )
    answer = pool.request("POST", f"https://127.0.0.1:{seat.ports['etcd']}/v3/kv/put", json=pair)
    assert answer.status == 200
    pool.clear()


def _encoded(text):
    return base64.b64encode(text.encode()).decode()
