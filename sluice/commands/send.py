"""`sluice send`: post events as any client would, and show their verdicts."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import requests

from chalicelib.core.json_text import UnreadableError, loads
from sluice.commands.console import CommandError, console, print_json, print_table
from sluice.commands.running import running
from sluice.local.layout import Layout

_MAX_EVENTS = 1_000
_MAX_BYTES = 3_000_000
"""A post holds no more than this, well inside the API's 5,000 events and 4 MB."""

_TIMEOUT_S = 60


def send(event_type: str, *, data: str | None, path: Path | None, as_json: bool) -> None:
    """Post one event, or one a line of a file; exit 1 unless every event was accepted."""
    run = running(Layout.from_environment())
    url = f"{run.ports.api_url}/v1/events"
    texts = [data.encode()] if data is not None else list(_lines(path))
    answers = [_post(url, event_type, batch) for batch in _batches(texts)]
    summary = {
        verdict: sum(answer.get(verdict, 0) for answer in answers)
        for verdict in ("accepted", "rejected", "unavailable")
    }
    if as_json:
        print_json(answers)
    else:
        _show(answers, summary)
    if summary["accepted"] < len(texts) or not texts:
        sys.exit(1)


def _lines(path: Path | None) -> Iterator[bytes]:
    """Yield the lines that say something; the path `-` is standard input."""
    stream = sys.stdin.buffer if str(path) == "-" else open(path or "", "rb")  # noqa: PTH123, SIM115
    with stream:
        yield from (line for line in stream if line.strip())


def _batches(texts: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == _MAX_EVENTS or size + len(text) > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _post(url: str, event_type: str, texts: list[bytes]) -> dict[str, Any]:
    """Post data as NDJSON events."""
    body = b"\n".join(_event(event_type, b" ".join(text.split(b"\n"))) for text in texts)
    try:
        answer = requests.post(url, body, headers={"content-type": "application/x-ndjson"}, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        raise CommandError(f"the API did not answer: {error}. Look at bin/sluice status") from None
    return dict(orjson.loads(answer.content))


def _event(event_type: str, data: bytes) -> bytes:
    """Return an event around data; what is not one JSON value goes as it is, for the API to reject and keep."""
    try:
        loads(data)
    except UnreadableError:
        return data
    return b'{"type":%b,"data":%b}' % (json.dumps(event_type).encode(), data)


def _show(answers: list[dict[str, Any]], summary: dict[str, int]) -> None:
    for answer in answers:
        if error := answer.get("error"):
            console.out(f"refused: {error['message']}. {error['resolution']}")
    rejected = [result for answer in answers for result in answer.get("results", []) if "error" in result]
    if rejected:
        print_table([_row(result) for result in rejected[:20]])
    console.out(", ".join(f"{count} {verdict}" for verdict, count in summary.items()))


def _row(result: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": result["index"],
        "id": result["id"],
        "error": result["error"]["type"],
        "message": result["error"]["message"],
        "failed_event_id": result["failed_event_id"],
    }
