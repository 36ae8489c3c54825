"""Firehose's words: the event it sends to a transform and the answer it takes.

Source: Amazon Data Firehose developer guide, "Data transformation and status model".
"""

from typing import Literal, NotRequired, TypedDict

Result = Literal["Ok", "Dropped", "ProcessingFailed"]


class FirehoseRecord(TypedDict):
    """One record as it came: `recordId` is opaque, `data` base64, the time in milliseconds since 1970."""

    recordId: str
    approximateArrivalTimestamp: int
    data: str


class FirehoseEvent(TypedDict):
    """One invocation."""

    invocationId: str
    deliveryStreamArn: str
    records: list[FirehoseRecord]


class Entry(TypedDict):
    """The answer to one record; only `Ok` carries data."""

    recordId: str
    result: Result
    data: NotRequired[str]


class FirehoseAnswer(TypedDict):
    """The answer to one invocation: exactly one entry for each record."""

    records: list[Entry]
