"""What became of a file, in the words of Snowpipe's reports. Pure."""

from datetime import UTC, datetime
from typing import Any

from chalicelib.core.times import to_text
from sluice.local.snowflake.outcomes import LoadEvent, Status
from sluice.local.snowflake.pipes import Pipe

Answer = dict[str, Any]


def reported_file(event: LoadEvent, pipe: Pipe) -> Answer:
    """Say what became of a file, as insertReport and loadHistoryScan do."""
    file: Answer = {
        "path": event.path,
        "stageLocation": pipe.location.url,
        "fileSize": event.size,
        "timeReceived": reported_time(event.received_at),
        "lastInsertTime": reported_time(event.finished_at),
        "rowsInserted": event.rows_inserted,
        "rowsParsed": event.rows_parsed,
        "errorsSeen": 0 if event.status is Status.LOADED else 1,
        "errorLimit": 1,
        "complete": True,
        "status": str(event.status),
    }
    return file if event.status is Status.LOADED else file | _error(event)


def reported_time(moment: datetime) -> str:
    """Spell a time as the reports do: UTC, milliseconds, Z."""
    return to_text(moment.astimezone(UTC))


def _error(event: LoadEvent) -> Answer:
    fields = {
        "firstError": event.error,
        "firstErrorLineNum": event.error_line,
        "firstErrorCharacterPos": event.error_character,
        "systemError": event.system_error,
    }
    return {name: value for name, value in fields.items() if value is not None}
