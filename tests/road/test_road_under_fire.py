"""Everything that may die dies, at random moments, under load: what was accepted is in CORE, once."""

import logging
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count

import psutil
import pytest
import requests
from http_cases import order
from local_road import LocalRoad, post, wait_until

pytestmark = pytest.mark.road

log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("SLUICE_CHAOS_ROUNDS", "1"))
"""Ten make a proof; one is what a test run can afford."""

EVENTS = 20_000
CLIENTS = 4
A_POST = 100
PAUSE_S = (0.3, 2.5)
"""Between two kills, at least and at most."""

VICTIMS = ("firehose", "warehouse", "api", "shim", "scheduler", "worker", "worker")


@pytest.mark.parametrize("chaos_round", range(ROUNDS))
def test_20000_events_while_everything_is_killed(road: LocalRoad, api: str, chaos_round: int) -> None:
    """Four clients post 20,000 events; engine, stand-in, API, shim, scheduler and Lambda workers are killed with -9."""
    seed = int(os.environ.get("SLUICE_CHAOS_SEED", time.time_ns()))
    source = f"/chaos/{seed}"
    killed: list[str] = []
    done = threading.Event()
    killer = threading.Thread(target=_kill_at_random, args=(road, random.Random(seed), done, killed))
    killer.start()
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(_post_all, road, source, client) for client in range(CLIENTS)]
            for client in clients:
                client.result()
        wait_until(lambda: _in_core(road, source) >= EVENTS // 2, "half of them in CORE", 300)
    finally:
        done.set()
        killer.join()
    log.info("round %d: seed %d, killed %d: %s", chaos_round, seed, len(killed), " ".join(killed))
    verified = road.sluice("verify", "--wait", "300", expect=None)
    assert "0 missing, 0 double" in verified.stdout, verified.stdout
    assert verified.returncode == 0
    assert _in_core(road, source) == EVENTS


def _post_all(road: LocalRoad, source: str, client: int) -> None:
    """Post a quarter of the events, each batch until it is accepted; the first client posts to the packaged API."""
    run = road.run()
    api = run["packaged_api"] if client == 0 else f"http://127.0.0.1:{run['ports']['api']}"
    share = EVENTS // CLIENTS
    for start in range(client * share, (client + 1) * share, A_POST):
        batch = [order(number, source=source, id=f"e-{number}") for number in range(start, start + A_POST)]
        wait_until(lambda batch=batch: _is_accepted(api, batch), "an accepted batch", 120)


def _is_accepted(api: str, batch: list[dict[str, object]]) -> bool:
    try:
        return post(f"{api}/v1/events", batch).status_code == requests.codes.accepted
    except requests.RequestException:
        return False


def _kill_at_random(road: LocalRoad, chance: random.Random, done: threading.Event, killed: list[str]) -> None:
    """Kill one process after the other until told to stop, each victim once at least; note their names."""
    for number in count():
        time.sleep(chance.uniform(*PAUSE_S))
        if done.is_set() and number >= len(VICTIMS):
            return
        victim = VICTIMS[number] if number < len(VICTIMS) else chance.choice(VICTIMS)
        process = _worker(road, chance) if victim == "worker" else road.running(victim)
        if process is not None:
            killed.append(victim)
            with suppress(psutil.NoSuchProcess):  # it may just have ended by itself
                process.kill()


def _worker(road: LocalRoad, chance: random.Random) -> psutil.Process | None:
    """Return any Lambda worker: a child of the emulator."""
    emulator = road.running("emulator")
    workers = emulator.children(recursive=True) if emulator else []
    return chance.choice(workers) if workers else None


def _in_core(road: LocalRoad, source: str) -> int:
    return int(road.sql(f"select count(*) as n from core.events where source = '{source}'")[0]["n"])  # noqa: S608
