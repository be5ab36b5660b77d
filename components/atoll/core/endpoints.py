"""The address of a cloud's service that a caller's variables name, where it is not Amazon's own. Pure."""

from collections.abc import Mapping


def named(service: str, variables: Mapping[str, str]) -> str | None:
    """The address for a service (`s3`), the one of its own before the one of all.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    own = variables.get(f"AWS_ENDPOINT_URL_{service.upper()}")
    return own or variables.get("AWS_ENDPOINT_URL") or None
