"""boto3 clients, each made once a process with explicit timeouts and no retries of its own.

boto3 would wait 60 seconds and try thrice: longer than API Gateway waits. The stages decide about retries.
"""

from functools import cache
from typing import Any

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 3.0
CALL_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
"""The longest one call may take."""


@cache
def client(service: str, attempts: int = 1, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """Return the client of one AWS service; `attempts` counts the first try."""
    import boto3  # noqa: PLC0415 - 0.17 s, which functions that never ask should not pay
    from botocore.config import Config  # noqa: PLC0415 - likewise

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
    )
    return boto3.client(service, config=config)
