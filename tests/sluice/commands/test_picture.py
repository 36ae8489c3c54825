"""The live picture: what it shows, and that nothing that goes wrong ends it."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console, RenderableType

from chalicelib.core.failed_event import Stage
from sluice.commands.console import CommandError
from sluice.commands.picture import Frame, draw, draw_error
from sluice.commands.watch import show_each


def status(received: int = 20_010, loaded: int = 18_000) -> dict[str, Any]:
    """Return what `status --json` holds."""
    failed = {stage.value: 0 for stage in Stage} | {"transform": 3, "poll": 2}
    return {
        "api": "http://127.0.0.1:8000",
        "ready_at": "2026-01-31T12:00:00+00:00",
        "counts": {
            "received": received,
            "accepted": 20_000,
            "rejected": 8,
            "unavailable": 2,
            "spilled": 120,
            "dead_lettered": failed,
            "duplicates": 4,
            "conflicts": 1,
        },
        "legs": [
            {"delivered": 19_880, "set_aside": 8, "in_flight": 120},
            {"delivered": 19_000, "set_aside": 3, "in_flight": 877},
            {"delivered": loaded, "set_aside": 0, "in_flight": 1_000},
            {"delivered": loaded, "set_aside": 0, "in_flight": 0},
        ],
        "ledger": {"submitted": 2, "loaded": 31},
        "queues": {"load": 5, "load_dead": 6},
        "faults": [
            {"target": "kinesis", "kind": "throttle", "value": 0.3, "ends_at": 100.0},
            {"target": "snowpipe", "kind": "503", "value": None, "ends_at": None},
        ],
        "processes": {"api": {"pid": 1, "memory_mb": 80}},
    }


def text(picture: RenderableType) -> str:
    """Return a picture as a pipe gets it."""
    output = io.StringIO()
    Console(file=output, width=120).print(picture)
    return output.getvalue()


def row(picture: str, name: str) -> list[str]:
    """Return the words of the line that begins with a name."""
    (found,) = [line for line in picture.splitlines() if line.startswith(name)]
    return found.split()


def test_the_road_with_its_counts() -> None:
    """Each station, what is between them, and what stands below."""
    shown = text(draw(Frame(1, status()), None, unix_s=40))
    assert row(shown, "API")[:5] == ["API", "20,010", "20,000", "accepted", "8"]
    assert row(shown, "stream") == ["stream", "19,880", "120", "spilled"]
    assert row(shown, "landing") == ["landing", "19,000"]
    assert row(shown, "CORE")[2:] == ["4", "duplicates", "1", "conflicts"]
    assert "877 in flight" in shown
    assert "3 set aside (dead letters: 3 by transform, 0 by firehose)" in shown
    assert row(shown, "ledger") == ["ledger", "2", "submitted", "31", "loaded"]
    assert row(shown, "queues") == ["queues", "5", "load", "6", "load_dead"]
    assert row(shown, "dead letters") == ["dead", "letters", "3", "transform", "2", "poll"]
    assert "kinesis=throttle:0.3 (60 s left), snowpipe=503" in shown
    assert row(shown, "processes") == ["processes", "api", "80", "MB"]


def test_rates_are_since_the_frame_before() -> None:
    """A second, whatever the interval is."""
    before, now = Frame(10, status(10, 17_000)), Frame(12, status(20_010, 18_000))
    shown = text(draw(now, before, unix_s=0))
    assert row(shown, "API")[2] == "+10,000/s"
    assert row(shown, "RAW")[2] == "+500/s"
    assert row(shown, "stream")[2] == "+0/s"


def test_an_error_stands_above_what_was_seen_last() -> None:
    """The picture stays readable while the road is away."""
    last = draw(Frame(1, status()), None, unix_s=0)
    shown = text(draw_error("the local road is not running", last))
    assert shown.startswith("the local road is not running\nwhat was seen last:")
    assert row(shown, "landing") == ["landing", "19,000"]
    assert text(draw_error("away", None)) == "away\n"


class Stop(BaseException):
    """Ends a watch as Ctrl-C does."""


def _looks(*answers: dict[str, Any] | Exception) -> Callable[[], dict[str, Any]]:
    left: Iterator[dict[str, Any] | Exception] = iter(answers)

    def look() -> dict[str, Any]:
        answer = next(left, None)
        if answer is None:
            raise Stop
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look


def test_the_watch_goes_on_whatever_happens() -> None:
    """A store that is away is part of the picture; the next frame is whole again, with rates."""
    frames: list[str] = []
    looks = _looks(status(), CommandError("a store does not answer"), status())
    with pytest.raises(Stop):
        show_each(looks, lambda picture: frames.append(text(picture)), 1.0, lambda _: None)
    first, second, third = frames
    assert "/s" not in row(first, "API")[2]
    assert second.startswith("a store does not answer")
    assert row(third, "API")[2] == "+0/s"
