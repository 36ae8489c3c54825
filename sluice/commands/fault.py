"""`sluice fault`: show, switch on and switch off the faults of a running road."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sluice.commands.console import CommandError, console, print_json, print_table
from sluice.commands.running import running
from sluice.local.faults import KINDS, Fault, FaultError, FaultFile, known_target
from sluice.local.layout import Layout

CLEAR = "clear"
_OFF = "=off"


def fault(words: Sequence[str], *, as_json: bool) -> None:
    """Do what the words say, all or nothing, then print the faults that are on."""
    layout = Layout.from_environment()
    running(layout)
    file = FaultFile(layout.faults)
    try:
        _switch(file, words)
    except FaultError as error:
        raise CommandError(str(error)) from None
    now = time.time()
    shown = [_shown(each, now) for each in file.on(now)]
    if as_json:
        print_json(shown)
    elif shown:
        print_table([{**each, "meaning": KINDS[each["target"]][each["kind"]].meaning} for each in shown])
    else:
        console.print("no faults are on")


def check_words(words: Sequence[str]) -> None:
    """Check that words name faults. Raises CommandError."""
    try:
        for each in words:
            Fault.parse(each)
    except FaultError as error:
        raise CommandError(str(error)) from None


def _switch(file: FaultFile, words: Sequence[str]) -> None:
    """Read all words before anything is changed; `clear` goes first, then what is off, then what is on."""
    off = [known_target(each.removesuffix(_OFF)) for each in words if each.endswith(_OFF)]
    on = [Fault.parse(each) for each in words if each != CLEAR and not each.endswith(_OFF)]
    if CLEAR in words:
        file.replace([])
    if off:
        file.switch_off(off)
    if on:
        file.switch_on(on)


def _shown(fault: Fault, now: float) -> dict[str, Any]:
    """Return a fault with the seconds it still lasts; None: until it is switched off."""
    left_s = None if fault.ends_at is None else round(fault.ends_at - now, 1)
    known = {name: value for name, value in asdict(fault).items() if name != "ends_at"}
    return {**known, "left_s": left_s}
