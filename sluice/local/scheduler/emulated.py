"""The two calls that the scheduler makes of the emulator, over plain HTTP: boto3 would be most of its memory."""

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

INVOKE_TIMEOUT_S = 320.0
"""Longer than any function may run: a function is never called again before it has ended."""
_METRICS_TIMEOUT_S = 10.0
_METRICS_TARGET = "GraniteServiceVersion20100801.PutMetricData"


class NoAnswerError(Exception):
    """The emulator did not do what it was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a call of a function came to: its log's last 4 KB, and its error if it raised."""

    log: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Emulated:
    """The emulator at `url`."""

    url: str
    region: str

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invoked:
        """Call a function and wait for its end. Raises NoAnswerError."""
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        headers, answer = self._post("lambda", path, event, {"X-Amz-Log-Type": "Tail"}, INVOKE_TIMEOUT_S)
        log = base64.b64decode(headers.get("X-Amz-Log-Result", "")).decode(errors="replace")
        return Invoked(log, answer.decode(errors="replace") if "X-Amz-Function-Error" in headers else None)

    def put_metrics(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """Put metrics; the emulator then looks at its alarms. Raises NoAnswerError."""
        body = {"Namespace": namespace, "MetricData": data}
        self._post("monitoring", "/", body, {"X-Amz-Target": _METRICS_TARGET}, _METRICS_TIMEOUT_S)

    def _post(
        self, service: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout_s)
        try:
            connection.request("POST", path, json.dumps(body), {**self._signed(service), **headers})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"{service}: {error!r}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise NoAnswerError(f"{service}: {response.status} {answer.decode(errors='replace')}")
        return response.headers, answer

    def _signed(self, service: str) -> dict[str, str]:
        """Return the headers by which the emulator knows the service; it does not look at signatures."""
        scope = f"test/20260101/{self.region}/{service}/aws4_request"
        return {
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        }
