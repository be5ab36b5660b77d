from atoll.provider import values
from atoll.provider.kubernetes import previewing


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def _live(**fields):
    found = _manifest("ConfigMap", **fields)
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "creationTimestamp": "t", "generation": 1}
    return found


def test_a_preview_of_a_create_knows_no_more_than_the_real_one_will():
    shown = previewing.created(_manifest("ConfigMap"), _live(data={"a": "1"}, status={"s": 1}))

    assert shown["data"] == {"a": "1"}
    assert "status" not in shown
    invented = {"uid", "resourceVersion", "creationTimestamp"}
    assert {key for key, value in shown["metadata"].items() if value == values.UNKNOWN} == invented


def test_addresses_that_a_dry_run_allocates_are_unknown_and_declared_ones_are_not():
    answer = {
        **_live(spec={"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 3}]}),
        "kind": "Service",
    }
    declared = _manifest("Service", spec={"ports": [{"port": 80}]})

    shown = previewing.created(declared, answer)["spec"]
    assert shown == {"clusterIP": values.UNKNOWN, "ports": [{"port": 80, "nodePort": values.UNKNOWN}]}

    declared["spec"] = {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 3}]}
    assert previewing.created(declared, answer)["spec"] == answer["spec"]


def test_a_preview_of_an_update_keeps_what_stays():
    old, answer = _live(status={"s": 1}), _live(status={"s": 1}, data={"a": "2"})

    same = previewing.updated(old, answer)
    assert (same["metadata"]["uid"], same["status"]) == ("u", {"s": 1})
    assert same["metadata"]["resourceVersion"] == values.UNKNOWN

    answer["metadata"]["generation"] = 2
    assert previewing.updated(old, answer)["status"] == values.UNKNOWN


def test_a_guess_keeps_what_is_not_declared_and_drops_what_no_longer_is():
    live = _live(spec={"a": 1, "b": 2, "filled": 3}, status={"s": 1})
    old, new = _manifest("X", spec={"a": 1, "b": 2}), _manifest("X", spec={"a": 5})

    shown = previewing.guessed(old, new, live)

    assert shown["spec"] == {"a": 5, "filled": 3}
    assert shown["status"] == values.UNKNOWN
    assert shown["metadata"]["uid"] == "u"
    assert previewing.guessed(old, old, live)["status"] == {"s": 1}
