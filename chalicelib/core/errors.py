"""Why an event was set aside: the closed list of error types, and what to do about each.

Nothing here knows where an error happened; a failed event says that.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core.limits import MAX_DETAILS, MAX_MESSAGE_CHARACTERS


class ErrorType(StrEnum):
    """The closed list of reasons for a failed event. Source: DESIGN §3.3."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    TOO_LARGE = "too_large"
    UNKNOWN_SCHEMA = "unknown_schema"
    SCHEMA_VIOLATION = "schema_violation"
    TYPE_FORBIDDEN = "type_forbidden"
    BAD_ENCODING = "bad_encoding"
    AGGREGATED_RECORD = "aggregated_record"
    TRANSFORM_ERROR = "transform_error"
    FIREHOSE_DELIVERY = "firehose_delivery"
    SOURCE_UNAVAILABLE = "source_unavailable"
    BAD_ARCHIVE = "bad_archive"
    BAD_MANIFEST = "bad_manifest"
    BAD_ROW = "bad_row"
    LOAD_FAILED = "load_failed"
    LOAD_PARTIAL = "load_partial"


RESOLUTIONS = {
    ErrorType.NOT_UTF8: "Encode the body as UTF-8 and send it again.",
    ErrorType.NOT_JSON: "Send standard JSON; for one object a line use content type application/x-ndjson.",
    ErrorType.NOT_AN_EVENT: 'Send a JSON object with "type" and "data"; the details name what to change.',
    ErrorType.TOO_LARGE: "Split the event, or store the large part elsewhere and send its address.",
    ErrorType.UNKNOWN_SCHEMA: "Name a type and version listed by GET /v1/schemas, or add the contract.",
    ErrorType.SCHEMA_VIOLATION: "Change data to meet the contract at GET /v1/schemas/{type}/{version}.",
    ErrorType.TYPE_FORBIDDEN: "Use a token that may send this type, or ask for the type to be allowed.",
    ErrorType.BAD_ENCODING: "Send the body plain, or as one whole gzip stream.",
    ErrorType.AGGREGATED_RECORD: "Switch aggregation off in the producer; join lines by newlines instead.",
    ErrorType.TRANSFORM_ERROR: "Look for this record in the transform's log, mend the transform, then replay.",
    ErrorType.FIREHOSE_DELIVERY: "Mend what Firehose names in the message, then replay.",
    ErrorType.SOURCE_UNAVAILABLE: "Wait for the source to answer again; the poll fills the gap.",
    ErrorType.BAD_ARCHIVE: "Ask the partner for a whole zip archive within the limits.",
    ErrorType.BAD_MANIFEST: "Ask the partner for a manifest that names each file, its size and checksum.",
    ErrorType.BAD_ROW: "Correct the row named in origin, then replay it.",
    ErrorType.LOAD_FAILED: "Mend what the first error names, then replay the file: it gets a new key.",
    ErrorType.LOAD_PARTIAL: "Mend the rows named, then replay the file: loaded rows are not doubled.",
}
"""What a person can do, for each error type: one sentence."""


def shorten(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Return `text` in at most `limit` characters, its cut marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault inside an event: a JSON pointer, the rule it breaks, and a sentence."""

    pointer: str
    keyword: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return the detail as it stands in answers and failed events, its texts bounded."""
        return {
            "pointer": shorten(self.pointer),
            "keyword": shorten(self.keyword),
            "message": shorten(self.message),
        }


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event was not accepted: a value, because its neighbours go on."""

    type: ErrorType
    message: str
    details: tuple[Detail, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return `{type, message, resolution, details}`: at most 10 details, bounded texts."""
        return {
            "type": self.type.value,
            "message": shorten(self.message),
            "resolution": RESOLUTIONS[self.type],
            "details": [detail.to_json() for detail in self.details[:MAX_DETAILS]],
        }
