"""Warming the deployed functions: each is called once with nothing to do, before anybody waits for it."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sluice.local.clients import clients
from sluice.local.emulator import ACCOUNT_ID, REGION
from sluice.local.scheduler.events import CADENCES, scheduled_event
from sluice.local.stack import LocalStack

WARM_TIMEOUT_S = 60.0
WARM_PATIENCE_S = 15.0
"""How long a function may fail at its start before that is taken for good."""
_WARM_PAUSE_S = 0.5

NOTHING: Mapping[str, Mapping[str, Any]] = {
    "load": {"Records": []},
    "transform": {"invocationId": "warm-up", "deliveryStreamArn": "", "region": REGION, "records": []},
    **{name: scheduled_event(name, "warm-up", datetime.now(UTC), ACCOUNT_ID, REGION) for name in CADENCES},
}
"""The smallest event each function knows: no work, but a worker with all its code imported."""


class NotWarmError(Exception):
    """A deployed function does not answer as it should."""


def warm(stack: LocalStack, port: int) -> None:
    """Call every function once, all at the same time, so that the first event meets no cold start.

    Raises NotWarmError when one keeps failing: a broken package shows here, before "ready".
    """
    invoke = clients(port)("lambda").invoke
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(_patiently, partial(_warm_function, invoke, stack.functions[name], event))
            for name, event in NOTHING.items()
            if name in stack.functions
        ]
        calls.append(pool.submit(_patiently, partial(_warm_api, stack.api_url)))
        for call in calls:
            call.result()


def _patiently(call: Callable[[], None]) -> None:
    """Call until it succeeds: on a busy machine many cold starts at once may run into the app's own timeouts."""
    ends_at = time.monotonic() + WARM_PATIENCE_S
    while True:
        try:
            return call()
        except NotWarmError:
            if time.monotonic() > ends_at:
                raise
        time.sleep(_WARM_PAUSE_S)


def _warm_function(invoke: Callable[..., Any], function: str, event: Mapping[str, Any]) -> None:
    answer = invoke(FunctionName=function, Payload=json.dumps(event))
    if "FunctionError" in answer:
        raise NotWarmError(f"{function}: {answer['Payload'].read().decode()}")


def _warm_api(api_url: str) -> None:
    host, path = api_url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=WARM_TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}/v1/health")
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise NotWarmError(f"{api_url}/v1/health: {response.status} {response.read().decode()}")
    except (OSError, http.client.HTTPException) as error:
        raise NotWarmError(f"{api_url}/v1/health: {error!r}") from error
    finally:
        connection.close()
