"""boto3 clients of the emulator, whatever account or profile a developer's own environment names."""

import os
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session

from sluice.local.emulator import client_environment

_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables by which a developer's own account, or a profile that is not there, would get in."""

ClientOf = Callable[[str], Any]
"""Makes a client of a service, given its name."""


def clients(port: int) -> ClientOf:
    """Return what makes clients of the emulator on `port`."""
    settings = client_environment(port)
    session = boto3.Session(
        botocore_session=botocore.session.Session(session_vars=_NO_PROFILE),
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_REGION"],
    )
    return lambda service: session.client(service, endpoint_url=settings["AWS_ENDPOINT_URL"])
