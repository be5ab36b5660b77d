"""What a local cluster's store holds, read without the product's help."""

import base64
import collections
import contextlib
import http.client
import json
import re
import ssl
from collections import Counter


def encrypted_by(seat) -> Counter[str]:
    """How many values of the whole store each key encrypted, by its name; `plain` are Secrets and Works of none."""
    found = collections.Counter[str]()
    for name, value in _everything(seat):
        match = re.match(rb"k8s:enc:\w+:v1:(\w+):", value)
        if match:
            found[match[1].decode()] += 1
        elif re.search(rb"/(secrets|works)/", name):
            found["plain"] += 1
    return found


def _everything(seat):
    trust = ssl.create_default_context(cafile=seat.pki("ca.crt"))
    trust.load_cert_chain(seat.pki("etcd-client.crt"), seat.pki("etcd-client.key"))
    connection = http.client.HTTPSConnection("127.0.0.1", seat.ports["etcd"], timeout=20, context=trust)
    with contextlib.closing(connection):
        everything = base64.b64encode(b"\0").decode()
        connection.request("POST", "/v3/kv/range", json.dumps({"key": everything, "range_end": everything}))
        for each in json.load(connection.getresponse())["kvs"]:
            yield base64.b64decode(each["key"]), base64.b64decode(each.get("value", ""))
