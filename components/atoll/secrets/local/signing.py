"""Whether a request was signed by who has the login: AWS Signature Version 4, checked by botocore's own signer.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/kms/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_STAMP = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=15)
"""What Amazon allows."""
_SIGNED = {"host", "x-amz-date", "x-amz-target"}
"""What must not be changed on the way, beside the body."""


def problem(headers: Mapping[str, str], body: bytes, region: str, login: tuple[str, str]) -> str | None:
    """The error code for a request to `/` that its signature does not speak for, or None.

    The names of `headers` are in lower case.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "MissingAuthenticationTokenException"
    if not hmac.compare_digest(found["key"].encode(), login[0].encode()):
        return "UnrecognizedClientException"
    names = found["headers"].split(";")
    sent = {name: headers.get(name, "") for name in names}
    stamp = headers.get("x-amz-date", "")
    hashed = headers.get("x-amz-content-sha256", "")
    if hashed and hashed != hashlib.sha256(body).hexdigest():
        # botocore takes this header for the hash of the body.
        return "InvalidSignatureException"
    if (
        not names
        or not set(names) >= _SIGNED
        or found["region"] != region
        or not _is_fresh(stamp, found["day"])
    ):
        return "InvalidSignatureException"
    signed = _signature(sent, body, stamp, region, login)
    return None if hmac.compare_digest(signed, found["signature"]) else "InvalidSignatureException"


def _signature(
    headers: Mapping[str, str], body: bytes, stamp: str, region: str, login: tuple[str, str]
) -> str:
    request = AWSRequest("POST", f"http://{headers['host']}/", dict(headers), body)
    request.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials(*login), "kms", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


def _is_fresh(stamp: str, day: str) -> bool:
    try:
        signed = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return stamp.startswith(day) and abs(datetime.now(UTC) - signed) <= _SKEW
