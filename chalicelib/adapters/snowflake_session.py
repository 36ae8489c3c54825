"""A session with Snowflake by key pair, over the connector, that never waits long. What is asked is not known here.

The connector is imported on first use: it costs half a second, which no other function should pay.
"""

from collections.abc import Callable
from itertools import repeat
from typing import Any

from chalicelib.adapters.snowpipe import SnowflakeAccount

TIMEOUT_S = 10
"""For a login, and for a statement: the connector's own patience is minutes."""

SignIn = Callable[[SnowflakeAccount, str], Any]
"""Opens a session of the connector's, given the account and the PEM private key."""


def sign_in(settings: SnowflakeAccount, private_key: str, timeout_s: int = TIMEOUT_S) -> Any:
    """Sign in; logins and statements end after so many seconds, at the server too. Raises the connector's errors."""
    import snowflake.connector  # noqa: PLC0415 - half a second

    session: Any = snowflake.connector.connect(**_options(settings, private_key, timeout_s))
    # the server ends statements itself; the connector would try to over a network that is gone, in a thread whose
    # exception nobody catches
    session._cancel_query = lambda *_: None  # noqa: SLF001
    return session


def _options(settings: SnowflakeAccount, private_key: str, timeout_s: int) -> dict[str, Any]:
    return {
        "account": settings.account,
        "user": settings.user,
        "host": settings.host or f"{settings.account}.snowflakecomputing.com",
        "port": settings.port,
        "protocol": settings.protocol,
        "database": settings.database,
        "warehouse": settings.warehouse,
        "authenticator": "SNOWFLAKE_JWT",
        "private_key": _der(private_key),
        "login_timeout": timeout_s,
        "network_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "backoff_policy": lambda: repeat(1),  # its own pauses grow past every timeout
        "session_parameters": {"CLIENT_TELEMETRY_ENABLED": False, "STATEMENT_TIMEOUT_IN_SECONDS": timeout_s},
    }


def _der(pem: str) -> str:
    """Return a PEM's key as the connector takes it: DER in base64, which is what stands between its marks."""
    return "".join(line.strip() for line in pem.splitlines() if "-" not in line)
