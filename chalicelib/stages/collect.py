"""Collect: judge what one request brought, element by element, into lines and failed events.

Pure: what came, who sent it and when are values; putting lines on the stream is `publish`.
`len(lines) + len(failed) == len(elements)` always.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.contracts.contract import DetailBudget
from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import Event, Identity, identify, read_event
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from chalicelib.core.line import Line, Receipt, encode_line

ANONYMOUS = "anonymous"
TOKEN_SOURCE = "/token/"  # noqa: S105 - a path, not a secret


@dataclass(frozen=True, slots=True)
class Elements:
    """The parts of one body, in order.

    `values` holds each part's JSON value, or the Rejection that says why it has none; `text_of` gives a
    part's bytes as they were posted, and is asked only for parts that fail. `content` says what a part is:
    an `event`, or the `data` of an event whose other attributes came outside the body.
    """

    values: Sequence[Any]
    text_of: Callable[[int], bytes]
    content: str = "event"
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A judged request: every event's id as far as known, and a line or a failed event for each."""

    ids: tuple[str | None, ...]
    lines: tuple[Line, ...]
    failed: Mapping[int, FailedEvent]


@dataclass(frozen=True, slots=True)
class _Call:
    """What is the same for all elements of one request."""

    elements: Elements
    receipt: Receipt
    new_id: Callable[[int], str]
    details: DetailBudget = field(default_factory=DetailBudget)

    def defaults(self, envelope: Mapping[str, Any], index: int) -> dict[str, str]:
        """Return what an event gets where its client gave nothing."""
        defaults = {"source": default_source(self.receipt.principal), "time": self.receipt.received_at}
        if envelope.get("id") is None:
            defaults["id"] = self.new_id(index)
        return defaults

    def enrichment(self, index: int) -> dict[str, Any]:
        """Return the server's attributes of one event."""
        return self.receipt.enrichment(index, len(self.elements.values))


@dataclass(frozen=True, slots=True)
class Collect:
    """The stage, given the contracts, the name it signs failures with, and the types each token may send."""

    registry: Registry
    processor: str
    allowed_types: Callable[[str], frozenset[str] | None] = field(default=lambda _: None)

    def judge(self, elements: Elements, receipt: Receipt, new_id: Callable[[int], str]) -> Batch:
        """Judge every element on its own; ids are made by index. Never raises because of an element."""
        call = _Call(elements, receipt, new_id)
        judged = [self._judge_one(call, value, index) for index, value in enumerate(elements.values)]
        return Batch(
            ids=tuple(event_id for event_id, _ in judged),
            lines=tuple(outcome for _, outcome in judged if isinstance(outcome, Line)),
            failed={index: failed for index, (_, failed) in enumerate(judged) if isinstance(failed, FailedEvent)},
        )

    def unreadable(
        self, rejection: Rejection, body: bytes, receipt: Receipt, attributes: Mapping[str, str]
    ) -> FailedEvent:
        """Return the one failed event of a body that could not be cut into elements."""
        elements = Elements([rejection], lambda _: body, "body", attributes)
        return self._failed(rejection, identify(attributes, {}), elements, receipt, 0)

    def _judge_one(self, call: _Call, value: Any, index: int) -> tuple[str | None, Line | FailedEvent]:
        """Return an element's id as far as known, and what became of it."""
        element = _with_attributes(value, call.elements)
        envelope = element if isinstance(element, dict) else call.elements.attributes
        defaults = call.defaults(envelope, index)
        outcome = element if isinstance(element, Rejection) else read_event(element, defaults)
        if isinstance(outcome, Event):
            line = self._line(outcome, call, index)
            if isinstance(line, Line):
                return outcome.id, line
            outcome = line
        failed = self._failed(outcome, identify(envelope, defaults), call.elements, call.receipt, index)
        return failed.identity.id, failed

    def _line(self, event: Event, call: _Call, index: int) -> Line | Rejection:
        if forbidden := self._forbidden(event.type, str(event.attributes["source"]), call.receipt.principal):
            return forbidden
        contract = self.registry.find(event.type, event.dataschema)
        if isinstance(contract, Rejection):
            return contract
        text = encode_line(event, contract.uri, call.enrichment(index))
        if isinstance(text, Rejection):
            return text
        return contract.judge(event.data, call.details) or Line(text, index, event.partition_key)

    def _forbidden(self, event_type: str, source: str, principal: str) -> Rejection | None:
        if source.startswith(TOKEN_SOURCE) and source != default_source(principal):
            message = f'source "{source}" belongs to another token'
            return Rejection(ErrorType.NOT_AN_EVENT, message, (Detail("/source", "reserved", message),))
        allowed = self.allowed_types(principal)
        if allowed is not None and event_type not in allowed:
            message = f'this token may not send type "{event_type}"'
            return Rejection(ErrorType.TYPE_FORBIDDEN, message, (Detail("/type", "forbidden", message),))
        return None

    def _failed(
        self, rejection: Rejection, identity: Identity, elements: Elements, receipt: Receipt, index: int
    ) -> FailedEvent:
        headers = {f"ce-{name}": value for name, value in elements.attributes.items()}
        return FailedEvent(
            stage=Stage.COLLECT,
            processor=self.processor,
            failed_at=receipt.received_at,
            rejection=rejection,
            identity=identity,
            payload=elements.text_of(index),
            origin=Origin(
                f"{receipt.id}:{index}",
                receipt.received_at,
                {"principal": receipt.principal, "content": elements.content, **headers},
            ),
        )


def default_source(principal: str) -> str:
    """Return the source of an event whose client named none."""
    return f"/{ANONYMOUS}" if principal == ANONYMOUS else TOKEN_SOURCE + principal


def _with_attributes(value: Any, elements: Elements) -> Any:
    """Put data that came alone into an event, under the attributes that came with it."""
    if elements.content != "data" or isinstance(value, Rejection):
        return value
    return {**elements.attributes, "data": value}
