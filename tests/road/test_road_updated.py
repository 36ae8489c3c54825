"""A deploy over running traffic loses nothing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from http_cases import order
from local_road import LocalRoad, post, wait_until

pytestmark = pytest.mark.road


def test_a_deploy_while_events_are_posted(road: LocalRoad) -> None:
    """Transform, app and local API are replaced while two clients post; each event is in CORE, once."""
    source = f"/deploy/{time.time_ns()}"
    done = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        clients = [pool.submit(_post_until, done, road, source, client) for client in range(2)]
        try:
            road.sluice("deploy", "--force")
        finally:
            done.set()
        sent = sum(client.result() for client in clients)
    assert sent > 0
    query = f"select count(*) as n from core.events where source = '{source}'"  # noqa: S608
    wait_until(lambda: road.sql(query)[0]["n"] >= sent, "all of them in CORE", 120)
    assert road.sql(query)[0]["n"] == sent
    assert "0 missing, 0 double" in road.sluice("verify", "--wait", "60").stdout


def _post_until(done: threading.Event, road: LocalRoad, source: str, client: int) -> int:
    """Post batches of ten, each until it is accepted; return how many events that were."""
    sent = 0
    while not done.is_set():
        batch = [order(number, source=source, id=f"{client}-{sent + number}") for number in range(10)]
        wait_until(lambda batch=batch: _is_accepted(road, client, batch), "an accepted batch", 120)
        sent += len(batch)
    return sent


def _is_accepted(road: LocalRoad, client: int, batch: list[dict[str, object]]) -> bool:
    """Post to the packaged API, whose address may change, or to the local one."""
    run = road.run()
    api = run["packaged_api"] if client == 0 else f"http://127.0.0.1:{run['ports']['api']}"
    try:
        return post(f"{api}/v1/events", batch).status_code == requests.codes.accepted
    except requests.RequestException:
        return False
