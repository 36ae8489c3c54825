"""Snowpipe over the snowflake-ingest SDK, with what the SDK lacks: timeouts, 429 backoff, a time budget.

The SDK is imported on first use: it costs half a second, which no other function should pay.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.adapters.snowpipe_answers import Page, read_page, read_report
from chalicelib.core.errors import shorten
from chalicelib.core.ledger import Outcome, Report
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError

log = logging.getLogger(__name__)

TIMEOUTS_S = (3.05, 10.0)
"""To connect, and to wait for an answer."""

_UNAUTHORIZED = 401
_WORTH_RETRYING = frozenset({_UNAUTHORIZED, 408, 429, 500, 502, 503, 504})
"""401 once more with a freshly read key: keys are rotated. Source: Snowpipe REST API, insertFiles."""

_REFUSALS = {
    403: "the user may not do this with the pipe",
    404: "there is no such pipe, or the user has no privilege on it",
}
"""Source: Snowpipe REST API."""

Ask = Callable[[Any], Any]
"""Makes one call of the SDK, given its manager, and reads the answer."""


@dataclass(frozen=True, slots=True)
class SnowflakeAccount:
    """How to reach Snowflake: `key_secret` names the secret that holds the PEM private key.

    `warehouse` is the virtual warehouse for questions in SQL; None for the user's default one.
    """

    account: str
    user: str
    database: str
    host: str | None
    port: int
    protocol: str
    key_secret: str
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why there is no answer yet."""

    reason: str


class Snowpipe:
    """One Snowflake account's pipes; implements the ports `Ingest` and `Reports`.

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
        from snowflake.ingest import StagedFile  # noqa: PLC0415 - half a second

        staged = [StagedFile(path, size) for path, size in files.items()]
        self._ask(pipe, lambda manager: manager.ingest_files(staged), budget)

    def recent(self, pipe: str, budget: Budget) -> Report:
        """Return what ended within the last 10 minutes, at most 10,000 files."""
        report: Report = self._ask(pipe, _recent, budget)
        return report

    def between(self, pipe: str, start: str, end: str, budget: Budget) -> Report:
        """Return what ended from `start` until just before `end`: RFC 3339 in UTC, at most 14 days ago.

        Snowflake answers in pages of 10,000 files. A budget that ends between them leaves the report incomplete.
        """
        outcomes: dict[str, Outcome] = {}
        while True:
            page = self._page(pipe, (start, end), budget, needed=not outcomes)
            outcomes |= page.outcomes
            if page.goes_on_at is None or not _is_later(page.goes_on_at, start):
                return Report(page.complete, outcomes)
            start = page.goes_on_at

    def _page(self, pipe: str, times: tuple[str, str], budget: Budget, *, needed: bool) -> Page:
        """Return one page of a history; instead of one that is not needed and does not come, an incomplete end."""
        try:
            page: Page = self._ask(pipe, lambda manager: read_page(manager.get_history_range(*times)), budget)
        except IngestUnavailableError:
            if needed:
                raise
            return Page({}, complete=False)
        return page

    def _ask(self, pipe: str, ask: Ask, budget: Budget) -> Any:
        """Ask until there is an answer. Raises IngestUnavailableError when the budget is spent, or at a refusal."""
        if not budget.allows(sum(self._timeouts_s)):
            raise IngestUnavailableError(f"{pipe}: no time is left to ask Snowpipe")
        attempt = 0
        while isinstance(answer := self._ask_once(pipe, ask), _Fault):
            log.warning("%s: Snowpipe gave no answer: %s", pipe, answer.reason)
            if not budget.pause(attempt, sum(self._timeouts_s)):
                raise IngestUnavailableError(f"{pipe}: {answer.reason}")
            attempt += 1
        return answer

    def _ask_once(self, pipe: str, ask: Ask) -> Any:
        """Return the answer, or a fault that may pass. Raises what no retry cures."""
        import requests  # noqa: PLC0415 - comes with the SDK
        from snowflake.ingest.error import IngestClientError, IngestResponseError  # noqa: PLC0415 - half a second

        try:
            return ask(self._manager(pipe))
        except IngestResponseError as error:
            if error.http_error_code not in _WORTH_RETRYING:
                raise IngestUnavailableError(f"{pipe}: {_refusal(error)}") from error
            if error.http_error_code == _UNAUTHORIZED:
                self._managers.clear()
            return _Fault(shorten(f"{error.http_error_code}: {error.message}"))
        except IngestClientError as error:
            raise IngestUnavailableError(f"{pipe}: {shorten(str(error))}") from error
        except requests.exceptions.RequestException as error:
            return _Fault(shorten(str(error)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _Fault(shorten(f"the answer cannot be read: {error!r}"))

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


def _refusal(error: Any) -> str:
    said = f"{error.http_error_code}: {error.message}"
    known = _REFUSALS.get(error.http_error_code)
    return shorten(f"{known} ({said})" if known else said)


def _recent(manager: Any) -> Report:
    """Ask for the whole ten minutes: the SDK remembers the last call's mark, and would only show what is newer."""
    manager._next_begin_mark = None  # noqa: SLF001 - the SDK offers no other way
    return read_report(manager.get_history())


def _is_later(time: str, than: str) -> bool:
    """Compare times that may be spelled with and without milliseconds."""
    return datetime.fromisoformat(time) > datetime.fromisoformat(than)
