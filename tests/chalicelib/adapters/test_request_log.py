"""The request log: whole lines, in a file or on standard output."""

import json
from pathlib import Path

import pytest

from chalicelib.adapters.request_log import RequestLog


def test_entries_are_appended_as_lines(tmp_path: Path) -> None:
    """Two logs on one file, as two processes would have them: every entry is a line of its own."""
    path = tmp_path / "requests.ndjson"
    for number, log in enumerate([RequestLog(str(path)), RequestLog(str(path))]):
        log.write({"receipt": "r\n", "offered": number})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"log": "request", "receipt": "r\n", "offered": 0},
        {"log": "request", "receipt": "r\n", "offered": 1},
    ]


def test_without_a_path_entries_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """In Lambda standard output is the log."""
    RequestLog(None).write({"offered": 1})
    assert json.loads(capsys.readouterr().out) == {"log": "request", "offered": 1}
