"""The batch log: whole lines, in a file or on standard output."""

import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from chalicelib.adapters.batch_log import BatchLog


def plain(line: str) -> dict[str, Any]:
    """Return a line's facts: without its metrics."""
    return {name: value for name, value in json.loads(line).items() if name.islower() and name != "_aws"}


def test_batches_are_appended_as_lines(tmp_path: Path) -> None:
    """Two logs on one file, as two processes would have them: every batch is a line of its own."""
    path = tmp_path / "requests.ndjson"
    for number, log in enumerate([BatchLog("request", "local", str(path)), BatchLog("request", "local", str(path))]):
        log.write({"receipt": "r\n", "offered": number})
    assert [plain(line) for line in path.read_text().splitlines()] == [
        {"log": "request", "receipt": "r\n", "offered": 0},
        {"log": "request", "receipt": "r\n", "offered": 1},
    ]


def test_without_a_path_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """In Lambda standard output is the log: nothing before the JSON object and nothing after it but the newline."""
    BatchLog("drain", "production").write({"oldest_spill_s": 1.5})
    printed = capsys.readouterr().out
    assert printed.endswith("}\n")
    assert plain(printed) == {"log": "drain", "oldest_spill_s": 1.5}
    assert json.loads(printed)["OldestSpillSeconds"] == 1.5


def test_lines_carry_the_time_and_the_deploy_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch files the metrics under both; the time is Unix time in milliseconds."""
    before = time.time()
    BatchLog("load", "production").write({"noticed": 1})
    line = json.loads(capsys.readouterr().out)
    assert line["Stage"] == "production"
    assert int(before * 1000) <= line["_aws"]["Timestamp"] <= time.time() * 1000


def test_a_line_costs_a_request_next_to_nothing(tmp_path: Path) -> None:
    """Under 200 µs a line, ten times what it takes here, so that a slow machine does not fail: see decision 0009."""
    log = BatchLog("request", "local", str(tmp_path / "requests.ndjson"))
    facts = dict.fromkeys(["body_bytes", "offered", "accepted", "rejected", "unavailable", "spilled"], 1)
    started = time.perf_counter()
    for _ in range(1000):
        log.write(facts)
    assert (time.perf_counter() - started) / 1000 < 200e-6


def test_numbers_stay_what_they_are(tmp_path: Path) -> None:
    """A count is an integer on the line, so that whoever adds them up gets an integer."""
    path = tmp_path / "requests.ndjson"
    BatchLog("request", "local", str(path)).write({"accepted": 5000})
    assert b'"accepted":5000,"EventsAccepted":5000,' in path.read_bytes()
    assert orjson.loads(path.read_bytes())["accepted"] == 5000
