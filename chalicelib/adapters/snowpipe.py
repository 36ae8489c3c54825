"""Snowpipe over the snowflake-ingest SDK, with what the SDK lacks: timeouts, 429 backoff, a time budget.

The SDK is imported on first use: it costs half a second, which no other function should pay.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError

log = logging.getLogger(__name__)

TIMEOUTS_S = (3.05, 10.0)
"""To connect, and to wait for an answer."""

_UNAUTHORIZED = 401
_WORTH_RETRYING = frozenset({_UNAUTHORIZED, 408, 429, 500, 502, 503, 504})
"""401 once more with a freshly read key: keys are rotated. Source: Snowpipe REST API, insertFiles."""


@dataclass(frozen=True, slots=True)
class SnowflakeAccount:
    """How to reach Snowflake: `key_secret` names the secret that holds the PEM private key."""

    account: str
    user: str
    database: str
    host: str | None
    port: int
    protocol: str
    key_secret: str


class Snowpipe:
    """One Snowflake account's pipes; implements the port `Ingest`.

    `read_key` returns the PEM private key. Not for use by several threads.
    """

    def __init__(
        self,
        settings: SnowflakeAccount,
        read_key: Callable[[], str],
        timeouts_s: tuple[float, float] = TIMEOUTS_S,
    ) -> None:
        self._settings = settings
        self._read_key = read_key
        self._timeouts_s = timeouts_s
        self._managers: dict[str, Any] = {}

    def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
        """Submit at most 5,000 paths, again and again until Snowpipe answers or the budget is spent."""
        attempt = 0
        while fault := self._submit_once(pipe, files):
            log.warning("Snowpipe did not take %d files for %s: %s", len(files), pipe, fault)
            if not budget.pause(attempt, sum(self._timeouts_s)):
                raise IngestUnavailableError(fault)
            attempt += 1

    def _submit_once(self, pipe: str, files: Mapping[str, int | None]) -> str | None:
        """Return None when Snowpipe took the files, else what to say. Raises what no retry cures."""
        import requests  # noqa: PLC0415 - comes with the SDK
        from snowflake.ingest import StagedFile  # noqa: PLC0415 - see above
        from snowflake.ingest.error import IngestResponseError  # noqa: PLC0415 - see above

        try:
            self._manager(pipe).ingest_files([StagedFile(path, size) for path, size in files.items()])
        except IngestResponseError as error:
            if error.http_error_code not in _WORTH_RETRYING:
                raise IngestUnavailableError(f"{error.http_error_code}: {error.message}") from error
            if error.http_error_code == _UNAUTHORIZED:
                self._managers.clear()
            return f"{error.http_error_code}: {error.message}"
        except requests.exceptions.RequestException as error:
            return str(error)
        return None

    def _manager(self, pipe: str) -> Any:
        if pipe not in self._managers:
            self._managers[pipe] = _new_manager(self._settings, pipe, self._read_key(), self._timeouts_s)
        return self._managers[pipe]


def _new_manager(settings: SnowflakeAccount, pipe: str, private_key: str, timeouts_s: tuple[float, float]) -> Any:
    """Return the SDK's manager of one pipe, made to ask once and to wait no longer than the timeouts."""
    import requests  # noqa: PLC0415 - comes with the SDK
    from snowflake.ingest import SimpleIngestManager  # noqa: PLC0415 - see above
    from snowflake.ingest.utils import network  # noqa: PLC0415 - see above

    class Once(network.SnowflakeRestful):  # type: ignore[misc]
        """The SDK's transport with timeouts; retries are ours, which know the budget."""

        def _exec_request(self, url: str, method: str, headers: Any = None, json: Any = None) -> Any:
            answer = requests.request(method=method, url=url, headers=headers, json=json, timeout=timeouts_s)
            if not answer.ok and not isinstance(answer.json(), dict):  # the SDK's own error would trip over it
                raise requests.exceptions.InvalidJSONError(f"{answer.status_code} without an explanation")
            return answer

        @staticmethod
        def _can_retry(_: int) -> bool:
            return False

    network.DEFAULT_REQUEST_TIMEOUT = -1  # read at each call: without a second try after a lost connection
    manager = SimpleIngestManager(
        account=settings.account,
        user=settings.user,
        pipe=pipe,
        private_key=private_key,
        scheme=settings.protocol,
        host=settings.host or f"{settings.account}.snowflakecomputing.com",
        port=settings.port,
    )
    manager.restful = Once()
    return manager
