"""Collect: judge what one request brought, element by element, into lines and failed events.

Pure: what came, who sent it and when are values; putting lines on the stream is `publish`.
`len(lines) + len(failed) == len(elements)` always.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import Identity, identify, read_event
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
    """A judged request: a line or a failed event for each element, and each element's identity."""

    identities: tuple[Identity, ...]
    lines: tuple[Line, ...]
    failed: Mapping[int, FailedEvent]


@dataclass(frozen=True, slots=True)
class Collect:
    """The stage, given the contracts, how ids are made (by index), and the name it signs failures with."""

    registry: Registry
    processor: str
    allowed_types: Callable[[str], frozenset[str] | None] = field(default=lambda _: None)

    def judge(self, elements: Elements, receipt: Receipt, new_id: Callable[[int], str]) -> Batch:
        """Judge every element on its own. Never raises because of one."""
        identities, lines, failed = [], [], {}
        count = len(elements.values)
        for index, value in enumerate(elements.values):
            element = _with_attributes(value, elements)
            envelope = element if isinstance(element, dict) else elements.attributes
            defaults = _defaults(envelope, receipt, index, new_id)
            identity = identify(envelope, defaults)
            identities.append(identity)
            outcome = self._line(element, defaults, receipt, index, count)
            if isinstance(outcome, Line):
                lines.append(outcome)
            else:
                failed[index] = self._failed(outcome, identity, elements, receipt, index)
        return Batch(tuple(identities), tuple(lines), failed)

    def unreadable(
        self, rejection: Rejection, body: bytes, receipt: Receipt, attributes: Mapping[str, str]
    ) -> FailedEvent:
        """Return the one failed event of a body that could not be cut into elements."""
        elements = Elements([rejection], lambda _: body, "body", attributes)
        return self._failed(rejection, identify(attributes, {}), elements, receipt, 0)

    def _line(
        self, element: Any, defaults: Mapping[str, str], receipt: Receipt, index: int, count: int
    ) -> Line | Rejection:
        event = element if isinstance(element, Rejection) else read_event(element, defaults)
        if isinstance(event, Rejection):
            return event
        if forbidden := self._forbidden(event.type, str(event.attributes["source"]), receipt.principal):
            return forbidden
        contract = self.registry.find(event.type, event.dataschema)
        if isinstance(contract, Rejection):
            return contract
        text = encode_line(event, contract.uri, receipt.enrichment(index, count))
        if isinstance(text, Rejection):
            return text
        return contract.judge(event.data) or Line(text, index, event.partition_key)

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


def _defaults(
    envelope: Mapping[str, Any], receipt: Receipt, index: int, new_id: Callable[[int], str]
) -> dict[str, str]:
    defaults = {"source": default_source(receipt.principal), "time": receipt.received_at}
    if envelope.get("id") is None:
        defaults["id"] = new_id(index)
    return defaults
