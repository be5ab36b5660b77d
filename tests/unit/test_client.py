"""The client against a small real server: TLS both ways, HTTP over kept connections, errors as Kubernetes has them."""

import json
import socket
import ssl
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from atoll.core import x509
from atoll.core.errors import UnavailableError
from atoll.core.x509 import Subject
from atoll.kubernetes import Api, ApiError, Kubeconfig, Pace, UnreachableError, client, credentials

AUTHORITY = x509.authority("test-ca")
SERVER = x509.leaf(AUTHORITY, Subject("server", hosts=("127.0.0.1",)))
CLIENT = x509.leaf(AUTHORITY, Subject("admin"))
CORE = {
    "resources": [
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "nodes", "kind": "Node", "namespaced": False},
        {"name": "nodes/status", "kind": "Node", "namespaced": False},
    ]
}
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "g"}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}


class Handler(BaseHTTPRequestHandler):
    """Notes what is asked, and answers with what the test put there."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        server = cast("Server", self.server)
        server.asked.append(
            (self.command, path, query, json.loads(body) if body else None, dict(self.headers))
        )
        server.peers.add(self.client_address)
        answers = server.answers.get(
            (self.command, path), [(404, {"message": "not there", "reason": "NotFound"})]
        )
        code, value, *more = answers.pop(0) if len(answers) > 1 else answers[0]
        if code == 0:
            self.close_connection = True
            return
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        if path in server.said:
            self.send_header("warning", server.said[path])
        self.send_header("content-length", str(len(data)))
        for name, text in more:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815 - http.server's own names

    def log_message(self, *_arguments):
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """A TLS server on loopback that asks its clients for a certificate."""

    daemon_threads = True

    request_queue_size = 64
    """Twenty clients connect at once; the default queue of five turns some away on a busy machine."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, Any, dict[str, str]]] = []
        self.peers: set[Any] = set()
        self.said: dict[str, str] = {}
        self.answers: dict[tuple[str, str], list[tuple[Any, ...]]] = {("GET", "/api/v1"): [(200, CORE)]}
        (folder / "pair.pem").write_bytes(SERVER.certificate + SERVER.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "pair.pem")
        context.load_verify_locations(cadata=AUTHORITY.certificate.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def kubeconfig(self):
        """How to reach it with a certificate."""
        address = f"https://127.0.0.1:{self.server_port}"
        return Kubeconfig(address, AUTHORITY.certificate, CLIENT.certificate, CLIENT.key, namespace="here")

    def handle_error(self, *_arguments):
        """A client that trusts nobody hangs up: that is what some tests are for."""


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def api(server):
    made = Api(server.kubeconfig)
    yield made
    made.close()


@pytest.fixture
def reach():
    """Makes clients whose connections are closed at the end."""
    made = []

    def reach(kubeconfig, **options):
        made.append(Api(kubeconfig, **options))
        return made[-1]

    yield reach
    for each in made:
        each.close()


def test_an_object_is_asked_for_where_discovery_says_that_it_is(server, api):
    server.answers["GET", "/api/v1/namespaces/g/configmaps/a"] = [(200, MAP)]
    server.answers["GET", "/api/v1/nodes/n"] = [(200, NODE)]

    assert api.get(MAP) == MAP
    assert api.get(NODE) == NODE
    assert [path for _, path, *_ in server.asked] == [
        "/api/v1",
        "/api/v1/namespaces/g/configmaps/a",
        "/api/v1/nodes/n",
    ]
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ({**MAP, "metadata": {"name": "a"}}, "/api/v1/namespaces/here/configmaps/a"),
        ({**NODE, "metadata": {"name": "a:b c", "namespace": "ignored"}}, "/api/v1/nodes/a%3Ab%20c"),
    ],
)
def test_the_path_of_an_object(api, manifest, path):
    assert api.path(manifest) == path


def test_a_kind_that_comes_later_is_found_then(server, api):
    widget = {"apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": "w"}}
    with pytest.raises(ApiError) as raised:
        api.path(widget)
    assert (raised.value.code, raised.value.reason) == (404, "NoMatch")
    assert str(raised.value) == 'no matches for kind "Widget" in version "example.test/v1"'

    listing = {"resources": [{"name": "widgets", "kind": "Widget", "namespaced": False}]}
    server.answers["GET", "/apis/example.test/v1"] = [(200, listing)]
    assert api.path(widget) == "/apis/example.test/v1/widgets/w"


def test_a_discovery_that_fails_is_no_missing_kind(server, api):
    server.answers["GET", "/apis/example.test/v1"] = [(503, {"message": "not yet"})]
    with pytest.raises(ApiError) as raised:
        api.resource("example.test/v1", "Widget")
    assert raised.value.code == 503


def test_what_is_not_there_is_none(api):
    assert api.get(MAP) is None
    assert api.delete(MAP) is False


def test_an_apply_tells_who_writes_and_that_unknown_fields_are_refused(server, api):
    server.answers["PATCH", "/api/v1/namespaces/g/configmaps/a"] = [(200, MAP)]
    api.apply(MAP)
    api.apply(MAP, manager="other", force=True, dry_run=True)

    (_, _, plain, body, headers), (_, _, dry, _, _) = server.asked[1:]
    assert plain == "fieldManager=atoll&force=false&fieldValidation=Strict"
    assert dry == "fieldManager=other&force=true&fieldValidation=Strict&dryRun=All"
    assert body == MAP
    assert headers["content-type"] == "application/apply-patch+yaml"


def test_a_deletion_tells_what_becomes_of_the_dependents(server, api):
    server.answers["DELETE", "/api/v1/namespaces/g/configmaps/a"] = [(200, {})]
    assert api.delete(MAP, propagation="Foreground") is True
    assert server.asked[-1][3] == {"propagationPolicy": "Foreground"}


def test_a_list_gives_whole_objects(server, api):
    server.answers["GET", "/api/v1/nodes"] = [
        (200, {"items": [{"metadata": {"name": "n"}}]}),
        (200, {"items": None}),
    ]
    assert api.items("v1", "Node", labelSelector="a=b") == [NODE]
    assert server.asked[-1][2] == "labelSelector=a%3Db"
    assert api.items("v1", "Node") == []


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        (409, {"message": "there", "reason": "AlreadyExists"}, ("there", "AlreadyExists", False)),
        (403, {"message": "forbidden"}, ("forbidden", "", False)),
        (429, {"message": "slow down"}, ("slow down", "", True)),
        (500, {}, ("HTTP 500", "", True)),
        (502, b"<html>bad gateway</html>", ("<html>bad gateway</html>", "", True)),
        (400, b"[1]", ("HTTP 400", "", False)),
    ],
)
def test_an_error_of_the_server_is_told_in_its_words(server, api, code, status, told):
    server.answers["POST", "/x"] = [(code, status)]
    with pytest.raises(ApiError) as raised:
        api.request("POST", "/x", {"a": 1})
    error = raised.value
    assert (str(error), error.reason, error.retry) == told
    assert error.code == code
    assert len(server.asked) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_asks_for_time_has_answered(server, api, method, code):
    server.answers[method, "/x"] = [(code, {"message": "later"}, ("retry-after", "7"))]
    with pytest.raises(ApiError, match="later") as raised:
        api.request(method, "/x")
    assert (raised.value.code, raised.value.retry_after) == (code, 7)
    assert len(server.asked) == 1


def test_what_is_read_is_asked_for_again_by_who_is_patient(server, api):
    server.answers["GET", "/x"] = [(0, None), (500, {}), (429, {}, ("retry-after", "0")), (200, {"a": 1})]
    assert api.patiently(30).request("GET", "/x") == {"a": 1}
    assert len(server.asked) == 4


def test_who_can_ask_again_does_not_wait_long_for_one_answer(reach, monkeypatch):
    monkeypatch.setattr(client, "_READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = Kubeconfig(f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="timed out"):
            reach(kubeconfig).patiently(0.2).request("GET", "/x")
        assert time.monotonic() - begun < 5


def test_what_is_written_is_for_its_writer_to_repeat(server, api):
    server.answers["PATCH", "/x"] = [(503, {"message": "not now"}), (200, {})]
    with pytest.raises(ApiError, match="not now"):
        api.patiently(30).request("PATCH", "/x", {})
    assert len(server.asked) == 1


def test_a_watch_tells_the_metadata_of_each_change_until_it_ends(server, api):
    events = [{"type": kind, "object": {"metadata": {"name": kind.lower()}}} for kind in ("ADDED", "DELETED")]
    server.answers["GET", "/x"] = [(200, b"".join(json.dumps(each).encode() + b"\n" for each in events))]

    assert [each["name"] for each in api.watch("/x", seconds=5)] == ["added", "deleted"]
    _, _, query, _, headers = server.asked[-1]
    assert query == "watch=true&resourceVersion=0&timeoutSeconds=5"
    assert "PartialObjectMetadata" in headers["accept"]


def test_a_watch_that_is_refused_or_expires_is_an_error_of_the_server(server, api):
    server.answers["GET", "/x"] = [(403, {"message": "not you"})]
    with pytest.raises(ApiError, match="not you"):
        api.watch("/x", seconds=5)
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
    server.answers["GET", "/x"] = [(200, json.dumps(gone).encode() + b"\n")]
    with pytest.raises(ApiError, match="too old") as raised:
        list(api.watch("/x", seconds=5))
    assert raised.value.code == 410


def test_an_answer_that_is_no_json_is_text(server, api):
    server.answers["GET", "/readyz"] = [(200, b"ok")]
    assert api.request("GET", "/readyz")["text"] == "ok"
    assert api.healthy()
    server.answers["GET", "/readyz"] = [(500, b"etcd failed")]
    assert not api.healthy()


def test_a_token_and_a_certificate_both_say_who_asks(server, reach):
    kubeconfig = replace(server.kubeconfig, certificate=b"", key=b"", token="very-secret")
    server.answers["GET", "/x"] = [(200, {})]
    reach(kubeconfig).request("GET", "/x")
    assert server.asked[-1][4]["authorization"] == "Bearer very-secret"


def _line(server, reason):
    return (
        f"{server.kubeconfig.server}: found no answer ({reason}); expected a Kubernetes API server. "
        "Check that it runs and can be reached from here."
    )


def test_a_server_of_another_authority_is_not_believed(server, reach):
    stranger = reach(replace(server.kubeconfig, authority=x509.authority("other").certificate))
    with pytest.raises(UnreachableError, match="certificate verify failed") as raised:
        stranger.request("GET", "/x")
    assert "\n" not in str(raised.value)
    assert server.asked == []


def test_a_server_that_need_not_be_believed_is_asked_without_a_warning(server, reach):
    server.answers["GET", "/readyz"] = [(200, b"ok")]
    assert reach(replace(server.kubeconfig, authority=b"", insecure=True)).healthy()


def test_a_server_that_is_gone_is_told_in_one_line(server, reach):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = replace(server.kubeconfig, server=f"https://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UnreachableError) as raised:
            reach(gone).request("GET", "/x")
    assert str(raised.value) == _line(server, "[Errno 111] Connection refused").replace(
        server.kubeconfig.server, gone.server
    )
    assert isinstance(raised.value, UnavailableError)
    assert raised.value.retry
    assert not reach(gone).healthy()


def test_a_server_that_never_answers_is_left_after_the_limit(reach):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        kubeconfig = Kubeconfig(f"https://127.0.0.1:{silent.getsockname()[1]}", AUTHORITY.certificate)
        with pytest.raises(UnreachableError, match="timed out"):
            reach(kubeconfig, connect=0.1, read=0.1).request("GET", "/x")
        with pytest.raises(UnreachableError, match="timed out"):
            reach(kubeconfig).probe(timeout=0.1)


def test_a_request_that_may_have_been_done_is_not_sent_again(server, api):
    server.answers["POST", "/x"] = [(0, None)]
    with pytest.raises(UnreachableError) as raised:
        api.request("POST", "/x", {})
    assert str(raised.value) == _line(server, "Remote end closed connection without response")
    assert len(server.asked) == 1


def test_a_cluster_that_is_just_born_is_asked_again_who_it_is(server, api):
    path = "/api/v1/namespaces/kube-system"
    server.answers["GET", path] = [(404, {}), (200, {"metadata": {"uid": "u-1"}})]
    assert api.identifier() == "u-1"
    server.answers["GET", path] = [(403, {"message": "no"})]
    with pytest.raises(ApiError, match="no"):
        api.identifier()


def test_a_probe_takes_any_answer(server, api):
    api.probe(timeout=5)
    assert [path for _, path, *_ in server.asked] == ["/version"]


def test_many_threads_share_one_client(server, api):
    server.answers["GET", "/x"] = [(200, {})]
    threads = [threading.Thread(target=api.request, args=("GET", "/x")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 20


@pytest.fixture
def asking(server, reach, monkeypatch):
    """Makes a client whose plugin yields one token after the other."""

    def make(*tokens):
        yields = iter(tokens)
        monkeypatch.setattr(credentials, "ask", lambda _plugin: credentials.Credentials(token=next(yields)))
        return reach(replace(server.kubeconfig, certificate=b"", key=b"", plugin=credentials.Plugin("x")))

    return make


def test_what_a_plugins_token_no_longer_opens_is_asked_once_more_with_a_new_one(server, asking):
    api = asking("old", "new", "never")
    server.answers["GET", "/x"] = [(401, {"message": "who?"}), (200, {"a": 1})]

    assert api.request("GET", "/x") == {"a": 1}
    api.request("GET", "/x")

    assert [headers["authorization"] for *_, headers in server.asked] == [
        "Bearer old",
        "Bearer new",
        "Bearer new",
    ]


def test_a_server_that_opens_to_no_token_is_asked_twice_and_believed(server, asking):
    api = asking("a", "b", "c")
    server.answers["GET", "/x"] = [(401, {"message": "who?"})]

    with pytest.raises(ApiError, match=r"who\?"):
        api.request("GET", "/x")

    assert len(server.asked) == 2


def test_a_pace_lets_a_burst_through_and_then_one_after_the_other(monkeypatch):
    now, slept = [0.0], list[float]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", slept.append)
    pace = Pace(qps=2, burst=2)

    for _ in range(4):
        pace.wait()
    now[0] = 100.0
    pace.wait()

    assert slept == [0, 0, 0.5, 1.0, 0]


def test_what_a_server_says_beside_its_answer_is_told_to_who_listens(server, api):
    text = '299 - "v1 Endpoints is deprecated; use \\"slices\\""'
    server.answers["GET", "/x"] = [(200, {"a": 1})]
    server.said["/x"] = text
    heard: list[str] = []

    assert api.telling(heard.append).request("GET", "/x") == {"a": 1}
    api.request("GET", "/x")

    assert heard == ['v1 Endpoints is deprecated; use "slices"']
