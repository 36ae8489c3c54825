"""The road as a picture for the terminal, drawn from two statuses: what is there, and how fast it moves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_STATIONS = ("API", "stream", "landing", "RAW", "CORE")
"""Between each two of them lies a leg."""

_FAILED_ON_LEG = (("collect",), ("transform", "firehose"), ("load",), ())
"""Whose failed events belong beside which leg; those of other stages stand below the road."""

Found: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One look at the road: `at_s` is when (any clock that only goes forward), `found` what `status --json` holds."""

    at_s: float
    found: Found

    @property
    def arrived(self) -> list[int]:
        """Return how many events have come to each station."""
        return [self.found["counts"]["received"], *(leg["delivered"] for leg in self.found["legs"])]


def draw(now: Frame, before: Frame | None, *, unix_s: float) -> RenderableType:
    """Draw one frame, with rates a second since the one before; `unix_s` tells how long faults still last."""
    found = now.found
    return Group(
        Text(f"{found['api']}  ready since {found['ready_at']}", style="dim"),
        "",
        _road(now, _rates(now, before)),
        "",
        _facts(found, unix_s),
    )


def draw_error(message: str, last: RenderableType | None) -> RenderableType:
    """Draw why there is no new frame, above the last one there was."""
    why = Text(message, style="red")
    return Group(why, Text("what was seen last:", style="dim"), "", last) if last else why


def _road(now: Frame, rates: Sequence[str]) -> Table:
    """Draw the stations from top to bottom, and between them what is on its way and what was set aside."""
    road = Table.grid(padding=(0, 2))
    road.add_column()
    road.add_column(justify="right")
    road.add_column(justify="right", style="green")
    road.add_column()
    counts, legs = now.found["counts"], now.found["legs"]
    for place, (station, arrived, rate) in enumerate(zip(_STATIONS, now.arrived, rates, strict=True)):
        if place:
            road.add_row("  │", "", "", _on_leg(legs[place - 1]))
            road.add_row("  ▼", "", "", _aside(legs[place - 1], _FAILED_ON_LEG[place - 1], counts))
        road.add_row(Text(station, style="bold"), _number(arrived), rate, _beside(station, counts))
    return road


def _on_leg(leg: Found) -> Text:
    return Text(f"{_number(leg['in_flight'])} in flight", style="cyan" if leg["in_flight"] else "dim")


def _aside(leg: Found, stages: Sequence[str], counts: Found) -> Text:
    """Say how many events left the road on a leg, and as how many failed events."""
    failed = [f"{_number(counts['dead_lettered'][stage])} by {stage}" for stage in stages]
    by_stage = f" (dead letters: {', '.join(failed)})" if failed else ""
    is_any = leg["set_aside"] or any(counts["dead_lettered"][stage] for stage in stages)
    return Text(f"{_number(leg['set_aside'])} set aside{by_stage}", style="yellow" if is_any else "dim")


def _beside(station: str, counts: Found) -> str:
    """Say what is known of a station beside the number of events that came to it."""
    known = {
        "API": ("accepted", "rejected", "unavailable"),
        "stream": ("spilled",),
        "CORE": ("duplicates", "conflicts"),
    }.get(station, ())
    return "  ".join(f"{_number(counts[name])} {name}" for name in known)


def _facts(found: Found, unix_s: float) -> Table:
    """Draw what stands below the road: a line each for the ledger, queues, dead letters, faults and processes."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    failed = {stage: count for stage, count in found["counts"]["dead_lettered"].items() if count}
    processes = {name: process["memory_mb"] for name, process in found["processes"].items()}
    facts.add_row("ledger", _named(found["ledger"]))
    facts.add_row("queues", _named(found["queues"]))
    facts.add_row("dead letters", _named(failed) or "none")
    faults = ", ".join(_fault(fault, unix_s) for fault in found["faults"])
    facts.add_row("faults", Text(faults, style="red") if faults else "none")
    facts.add_row("processes", "  ".join(f"{name} {memory} MB" for name, memory in processes.items()))
    return facts


def _fault(fault: Found, unix_s: float) -> str:
    value = "" if fault["value"] is None else f":{fault['value']:g}"
    left = "" if fault["ends_at"] is None else f" ({max(0, fault['ends_at'] - unix_s):.0f} s left)"
    return f"{fault['target']}={fault['kind']}{value}{left}"


def _rates(now: Frame, before: Frame | None) -> list[str]:
    """Return how many events a second came to each station since the frame before; nothing without one."""
    seconds = now.at_s - before.at_s if before else 0
    if before is None or seconds <= 0:
        return [""] * len(_STATIONS)
    return [f"{(new - old) / seconds:+,.0f}/s" for new, old in zip(now.arrived, before.arrived, strict=True)]


def _named(numbers: Mapping[str, int]) -> str:
    return "  ".join(f"{_number(number)} {name}" for name, number in numbers.items())


def _number(number: int) -> str:
    return f"{number:,}"
