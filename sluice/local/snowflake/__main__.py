"""Starts the stand-in: `python -m sluice.local.snowflake --port P --data DIR …`. Only reads arguments."""

import argparse
import logging
import os
import signal
import sys
import warnings
from pathlib import Path

import uvicorn

from sluice.local.snowflake.engine import DirectoryInUseError
from sluice.local.snowflake.jwt_check import TokenCheck
from sluice.local.snowflake.played import played_from
from sluice.local.snowflake.server import StandIn

_HOST = "127.0.0.1"
_SHUTDOWN_S = 1


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; exit code 2 when the data directory is in use."""
    options = _options(arguments)
    _quieten()
    token_check = TokenCheck.for_user(options.account, options.user, options.public_key.read_bytes())
    try:
        played = played_from(options.faults)
        standin = StandIn.open(options.data, options.database, token_check, options.s3_endpoint, played)
    except DirectoryInUseError as error:
        print(error, file=sys.stderr)
        return 2
    # uvicorn raises the signal again once all is closed; an exit of Python's would wait for fetchers that hang
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    uvicorn.run(
        standin.app(),
        host=_HOST,
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sluice.local.snowflake", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the databases lie")
    parser.add_argument("--public-key", type=Path, required=True, metavar="PEM", help="the loader's public key")
    parser.add_argument("--account", required=True, help="account name the tokens must carry")
    parser.add_argument("--user", required=True, help="user name the tokens must carry")
    parser.add_argument("--s3-endpoint", required=True, metavar="URL", help="where the stages' objects are")
    parser.add_argument("--database", default="SLUICE", help="the sessions' default database")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="the faults to play on purpose")
    return parser.parse_args(arguments)


def _quieten() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("sqlglot", "fakesnow.server", "botocore", "boto3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", module="fakesnow")
    # the emulated S3 asks for credentials but does not look at them
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


if __name__ == "__main__":
    sys.exit(main())
