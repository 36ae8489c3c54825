"""`sluice load`: what the ledger knows of landed files, and loading them again."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from chalicelib.adapters import clock
from chalicelib.adapters.landing_bucket import LandingBucket
from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.core.landing import pipes_of
from chalicelib.core.ledger import Entry, State
from chalicelib.core.times import to_text
from chalicelib.stages.reload import REDRIVABLE
from sluice.commands.console import CommandError, console, print_json, print_table
from sluice.commands.running import STORE_ERRORS, running
from sluice.local.announce import announce
from sluice.local.audit.ledger import LedgerView
from sluice.local.audit.stores import Stores
from sluice.local.layout import Layout
from sluice.local.redrive import Redrive, Step, plan
from sluice.local.warehouse import DATABASE

PIPES = pipes_of(DATABASE)
"""The pipes of a local run."""

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def ls(*, states: Sequence[str], since: str | None, limit: int, as_json: bool) -> None:
    """Print the ledger's entries, the latest change first."""
    earliest = "" if since is None else read_time(since, datetime.now(UTC))
    wanted = [State(state) for state in states] or list(State)
    try:
        entries = list(islice(LedgerView(_stores()).newest(wanted, earliest), limit))
    except STORE_ERRORS as error:
        raise _no_answer(error) from error
    if as_json:
        print_json([_to_json(entry) for entry in entries])
    else:
        print_table([_row(entry) for entry in entries])


def redrive(*, files: Sequence[str], state: str | None, dry_run: bool, as_json: bool) -> None:
    """Load files again, by name or by state; exit 1 if something is left undone."""
    try:
        stores = _stores()
        ledger = LedgerTable(stores.dynamodb, stores.ledger_table, clock.now)
        entries = _named(files, stores, ledger) if files else _not_reloaded(stores, state)
        steps = plan(entries, PIPES)
    except STORE_ERRORS as error:
        raise _no_answer(error) from error
    if not dry_run:
        landing = LandingBucket(stores.s3, stores.landing_bucket)
        tell = partial(announce, stores.sqs, stores.load_queue_url)
        steps = list(Redrive(ledger, landing, tell, STORE_ERRORS).execute(steps))
    _report(steps, dry_run=dry_run, as_json=as_json)
    if any(step.undone for step in steps):
        sys.exit(1)


def read_time(text: str, now: datetime) -> str:
    """Read a time (RFC 3339; UTC where it names no offset) or how long ago it was (`90s 15m 2h 1d`).

    Raises CommandError.
    """
    try:
        if span := _SPAN.fullmatch(text):
            return to_text(now - timedelta(**{_UNITS[span[2]]: int(span[1])}))
        at = datetime.fromisoformat(text)
        return to_text((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC))
    except (ValueError, OverflowError):
        raise CommandError(f"{text!r} is no time; write 15m, 2h, or 2026-01-31T12:00:00Z") from None


def _stores() -> Stores:
    layout = Layout.from_environment()
    return Stores.of(layout, running(layout))


def _no_answer(error: Exception) -> CommandError:
    return CommandError(f"a store does not answer: {error}. Look at bin/sluice status")


def _named(files: Iterable[str], stores: Stores, ledger: LedgerTable) -> list[Entry]:
    """Return the entries of files, each given by its key or by bucket and key. Raises CommandError for others."""
    found = {file: _find(file, stores.landing_bucket, ledger) for file in files}
    unknown = [file for file, entry in found.items() if entry is None]
    if unknown:
        raise CommandError(f"the ledger knows no file {', '.join(unknown)}. See bin/sluice load ls")
    return [entry for entry in found.values() if entry]


def _find(file: str, bucket: str, ledger: LedgerTable) -> Entry | None:
    return ledger.get(file if file.startswith(f"{bucket}/") else f"{bucket}/{file}")


def _not_reloaded(stores: Stores, state: str | None) -> Iterator[Entry]:
    """Yield the files that ended badly, or those in one state, and have no copy yet."""
    wanted = [State(state)] if state else REDRIVABLE
    return (entry for entry in LedgerView(stores).newest(wanted) if entry.reloaded_as is None)


def _to_json(entry: Entry) -> dict[str, Any]:
    return {
        "file": entry.file.name,
        "state": entry.state.value,
        "changed_at": entry.changed_at,
        "rows": entry.rows,
        "attempts": entry.attempts,
        "first_error": entry.first_error,
        "reloaded_as": entry.reloaded_as,
        "reload_of": entry.reload_of,
        "pipe": entry.pipe,
        "size_bytes": entry.file.size_bytes,
        "noticed_at": entry.noticed_at,
        "submitted_at": entry.submitted_at,
    }


def _row(entry: Entry) -> dict[str, Any]:
    """Return what a person looks for, without the bucket's name."""
    shown = ("state", "changed_at", "rows", "attempts", "first_error")
    values = _to_json(entry)
    copy = (entry.reloaded_as or "").removeprefix(f"{entry.file.bucket}/")
    return {"file": entry.file.key, **{name: values[name] for name in shown}, "reloaded_as": copy}


def _report(steps: Sequence[Step], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json([step.to_json() for step in steps])
        return
    if not steps:
        console.print("nothing to redrive")
        return
    print_table([_line(step) for step in steps])
    if dry_run:
        console.print("\nnothing was done: this was a dry run")


def _line(step: Step) -> dict[str, Any]:
    bucket = f"{step.entry.file.bucket}/"
    return {
        "file": step.entry.file.key,
        "state": step.entry.state.value,
        "action": step.action.value,
        "to": step.reload.to.key if step.reload else "",
        "note": f"NOT DONE: {step.undone}" if step.undone else step.why.replace(bucket, ""),
    }
