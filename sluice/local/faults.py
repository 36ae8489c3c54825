"""Faults that a local run plays on purpose: which there are, how they are written, and which are on now.

A fault is switched on while the road runs: every process that plays faults looks at one file before it answers.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sluice.local.turns import one_at_a_time
from sluice.local.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of fault does. `default` is the number it has when none is given; None: it takes none."""

    meaning: str
    default: float | None = None
    allowed: str = ""
    fits: Callable[[float], bool] = lambda _: True


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "snowpipe": {
        "429": Kind("every REST call is answered 429"),
        "503": Kind("every REST call is answered 503"),
        "hang": Kind("no REST call is answered"),
        "fail-file": Kind("files loaded meanwhile fail as a whole"),
        "partial-file": Kind("files loaded meanwhile lose their last row"),
        "lose-report": Kind("insertReport shows nothing and says that events are missing"),
        "lose-history": Kind("loadHistoryScan shows nothing"),
        "lose-file": Kind("insertFiles takes files that are never loaded nor reported"),
    },
    "kinesis": {
        "throttle": Kind("records are refused at this rate", 1.0, "above 0, up to 1", lambda rate: 0 < rate <= 1),
        "limits": Kind(
            "a shard takes 1,000 records and 1 MiB a second times this", 1.0, "above 0", lambda scale: scale > 0
        ),
    },
    "transform": {"raise": Kind("every call by Firehose fails as if the function had raised")},
    "s3": {
        "slow": Kind("every call takes this many seconds more", 2.0, "up to 60", lambda seconds: seconds <= 60),  # noqa: PLR2004
        "503": Kind("every call is answered 503 Slow Down"),
    },
}
"""Every fault there is, by target. `s3` is S3 as the app and Firehose reach it, not as the tool does."""

_UNITS = {"s": 1, "m": 60, "h": 3600}
_WORDS = re.compile(
    r"(?P<target>[^=:]+)=(?P<kind>[^=:]+)(:(?P<number>\d+(\.\d+)?))?(:(?P<length>\d+(\.\d+)?)(?P<unit>[smh]))?"
)


class FaultError(ValueError):
    """Words that name no fault; the message says in one line what there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is on: `value` is its number, `ends_at` Unix seconds, None for until it is switched off."""

    target: str
    kind: str
    value: float | None = None
    ends_at: float | None = None

    @classmethod
    def parse(cls, words: str, now: float | None = None) -> Self:
        """Read `TARGET=KIND[:NUMBER][:DURATION]`; the duration (`90s`, `5m`) begins now. Raises FaultError."""
        found = _WORDS.fullmatch(words)
        if not found:
            raise FaultError(f"{words!r} is not TARGET=KIND[:NUMBER][:DURATION], such as kinesis=throttle:0.3:60s")
        kind = _kind(found["target"], found["kind"])
        ends_at = None
        if found["length"]:
            ends_at = (time.time() if now is None else now) + float(found["length"]) * _UNITS[found["unit"]]
        return cls(found["target"], found["kind"], _value(words, kind, found["number"]), ends_at)

    def is_on(self, now: float) -> bool:
        """Tell whether the fault has not ended by `now`, in Unix seconds."""
        return self.ends_at is None or now < self.ends_at


class FaultFile:
    """The faults of one run, kept in a file that commands write and processes read.

    A missing file means no faults. Reading costs one `stat` a call as long as nothing changes; threads may share
    one FaultFile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, ...] | None, tuple[Fault, ...]] = (None, ())

    def active(self, target: str, kind: str, now: float | None = None) -> Fault | None:
        """Return the fault if it is on."""
        on = (fault for fault in self.on(now) if (fault.target, fault.kind) == (target, kind))
        return next(on, None)

    def on(self, now: float | None = None) -> tuple[Fault, ...]:
        """Return every fault that is on."""
        at = time.time() if now is None else now
        return tuple(fault for fault in self._stored() if fault.is_on(at))

    def replace(self, faults: Iterable[Fault]) -> None:
        """Switch these on and all others off. Writes."""
        with one_at_a_time(self._path.parent):
            self._write(faults)

    def switch_on(self, faults: Sequence[Fault]) -> None:
        """Switch faults on beside those that are; one of the same kind is replaced. Writes."""
        new = {(fault.target, fault.kind): fault for fault in faults}
        with one_at_a_time(self._path.parent):
            kept = [fault for fault in self.on() if (fault.target, fault.kind) not in new]
            self._write([*kept, *new.values()])

    def switch_off(self, targets: Iterable[str]) -> None:
        """Switch off every fault of some targets. Writes. Raises FaultError for a target that there is not."""
        off = {known_target(target) for target in targets}
        with one_at_a_time(self._path.parent):
            self._write(fault for fault in self.on() if fault.target not in off)

    def _stored(self) -> tuple[Fault, ...]:
        """Return the file's faults, read again only when it is another file than before."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if stamp != self._read[0]:
                self._read = (stamp, tuple(Fault(**stored) for stored in json.loads(self._path.read_bytes())))
        except (OSError, ValueError, TypeError):  # there is none, or it is not ours
            self._read = (None, ())
        return self._read[1]

    def _write(self, faults: Iterable[Fault]) -> None:
        write_whole(self._path, json.dumps([asdict(fault) for fault in faults]).encode())


def known_faults() -> str:
    """Return every fault there is, a line each, with the number it has when none is given."""
    return "\n".join(
        f"{f'{target}={name}{_default(kind)}':24}{kind.meaning}"
        for target, kinds in KINDS.items()
        for name, kind in kinds.items()
    )


def known_target(target: str) -> str:
    """Return the target. Raises FaultError when there are no faults for it."""
    if target not in KINDS:
        raise FaultError(f"nothing is called {target!r} here; faults are for {', '.join(KINDS)}")
    return target


def _kind(target: str, kind: str) -> Kind:
    kinds = KINDS[known_target(target)]
    if kind not in kinds:
        raise FaultError(f"{target} has no fault {kind!r}; there are {', '.join(kinds)}")
    return kinds[kind]


def _value(words: str, kind: Kind, number: str | None) -> float | None:
    if kind.default is None and number is not None:
        raise FaultError(f"{words!r}: this fault takes no number (a duration ends in s, m or h)")
    value = kind.default if number is None else float(number)
    if value is not None and not kind.fits(value):
        raise FaultError(f"{words!r}: the number must be {kind.allowed}")
    return value


def _default(kind: Kind) -> str:
    return "" if kind.default is None else f"[:{kind.default:g}]"
