"""boto3 clients, each made once a process with explicit timeouts and no retries of its own.

boto3 would wait 60 seconds and try thrice: longer than API Gateway waits. The stages decide about retries.
"""

from datetime import datetime
from functools import cache
from typing import Any

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 3.0
CALL_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
"""The longest one call may take."""


@cache
def client(service: str, attempts: int = 1, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """Return the client of one AWS service; `attempts` counts the first try."""
    from botocore.config import Config  # noqa: PLC0415 - see below

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
    )
    return _session().client(service, config=config)


@cache
def _session() -> Any:
    import boto3  # noqa: PLC0415 - 0.17 s, which functions that never ask should not pay
    import botocore.session  # noqa: PLC0415 - likewise

    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.Session(botocore_session=session)


def read_time(value: Any) -> datetime:
    """Read a time of an answer. botocore's own way costs half of what listing a large bucket costs."""
    from botocore.utils import parse_timestamp  # noqa: PLC0415 - as above

    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at: datetime = parse_timestamp(value)
        return at
