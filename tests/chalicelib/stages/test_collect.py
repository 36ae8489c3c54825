"""Collect: every element becomes a line or a failed event, judged on its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.json_text import dumps, loads
from chalicelib.stages.collect import Batch, Collect, Elements
from tests.fakes import ORDER, RECEIPT, numbered_ids, order

REGISTRY = Registry()
COLLECT = Collect(REGISTRY, "sluice-collect/0.1.0")
UNREADABLE = Rejection(ErrorType.NOT_JSON, "no", (Detail("", "nan", "no"),))


def elements_of(*values: Any) -> Elements:
    """Return elements as they would be cut from an array."""
    texts = [b"NaN" if isinstance(value, Rejection) else dumps(value) for value in values]
    return Elements(values, texts.__getitem__)


def by_index() -> Callable[[int], str]:
    """Return a maker of ids that ignores the index."""
    new_id = numbered_ids()
    return lambda _: new_id()


def judged(*values: Any, collect: Collect = COLLECT, principal: str = "anonymous") -> Batch:
    """Return the verdicts of some elements."""
    return collect.judge(elements_of(*values), replace(RECEIPT, principal=principal), by_index())


def only_failure(batch: Batch) -> Rejection:
    """Return why the only element failed."""
    assert batch.lines == ()
    return batch.failed[0].rejection


GOOD = st.builds(order, subject=st.sampled_from(["s", "t"]))
BAD = st.one_of(
    st.just(UNREADABLE),
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none(), max_size=2),
    st.just({}),
    st.just({"type": "order.placed", "data": {}}),
    st.just({"type": "nobody.knows", "data": 1}),
    st.just(order(receivedat="now")),
    st.just(order(id=7)),
    st.just(order(dataschema="order.placed/9-0-0")),
    st.just(order(data={**ORDER, "note": "x" * 262_144})),
)


@given(st.lists(GOOD | BAD, max_size=12))
def test_every_element_is_a_line_or_a_failed_event(values: list[Any]) -> None:
    """Lines and failed events are together all elements, each once, in order, with an identity each."""
    batch = judged(*values)
    assert len(batch.lines) + len(batch.failed) == len(values) == len(batch.ids)
    assert sorted([*(line.index for line in batch.lines), *batch.failed]) == list(range(len(values)))
    assert [line.index for line in batch.lines] == sorted(line.index for line in batch.lines)


@given(st.lists(GOOD | BAD, max_size=12))
def test_nothing_rejected_is_cut(values: list[Any]) -> None:
    """A failed event holds its element's bytes as they were posted."""
    for index, failed in judged(*values).failed.items():
        assert failed.payload == (b"NaN" if values[index] is UNREADABLE else dumps(values[index]))


def test_neighbours_do_not_change_a_verdict() -> None:
    """Between bad ones a good event becomes the line it would be alone, its place aside."""
    (line,) = judged(UNREADABLE, order(id="x"), 7).lines
    assert line.index == 1
    written = loads(line.text)
    assert (written["receiptindex"], written["receiptcount"]) == (1, 3)
    assert written["data"] == ORDER
    assert written["dataschema"] == "sluice:order.placed/1-1-0"


REJECTED = {
    "a string among events": ("text", ErrorType.NOT_AN_EVENT, "type"),
    "a client-set receivedat": (order(receivedat="2026-01-31T12:00:00Z"), ErrorType.NOT_AN_EVENT, "reserved"),
    "an unknown type": ({"type": "nobody.knows", "data": 1}, ErrorType.UNKNOWN_SCHEMA, "dataschema"),
    "an unknown version": (order(dataschema="order.placed/9-0-0"), ErrorType.UNKNOWN_SCHEMA, "dataschema"),
    "another type's contract": (order(dataschema="page.viewed/1-0-0"), ErrorType.UNKNOWN_SCHEMA, "dataschema"),
    "data that breaks the contract": (order(data={**ORDER, "amount": -1}), ErrorType.SCHEMA_VIOLATION, "minimum"),
    "data that is null": (order(data=None), ErrorType.SCHEMA_VIOLATION, "type"),
    "an event over 256 KiB": (order(data={**ORDER, "note": "x" * 262_144}), ErrorType.TOO_LARGE, "maxBytes"),
    "an extension over 256 KiB": (order(extra="x" * 262_144), ErrorType.TOO_LARGE, "maxBytes"),
    "what could not be read": (UNREADABLE, ErrorType.NOT_JSON, "nan"),
}


@pytest.mark.parametrize(("value", "error_type", "keyword"), REJECTED.values(), ids=REJECTED.keys())
def test_a_bad_element_is_rejected_by_name(value: Any, error_type: ErrorType, keyword: str) -> None:
    """Each fault has its type and keyword."""
    rejection = only_failure(judged(value))
    assert (rejection.type, rejection.details[0].keyword) == (error_type, keyword)


def test_identities_are_assigned_before_every_check() -> None:
    """Even what fails first has an id, a source and a time in its answer and its failed event."""
    batch = judged(UNREADABLE, {"type": "No Type"}, {"id": "mine", "source": "/mine"}, "text")
    identities = [batch.failed[index].identity for index in range(4)]
    assert [identity.id for identity in identities] == list(batch.ids) == ["id-0", "id-1", "mine", "id-2"]
    assert [identity.source for identity in identities] == ["/anonymous", "/anonymous", "/mine", "/anonymous"]
    assert batch.failed[0].identity.time == RECEIPT.received_at


def test_an_accepted_line_bears_the_identity_that_is_answered() -> None:
    """The id in the answer is the id on the line."""
    batch = judged(order(), order(id="mine"))
    assert [loads(line.text)["id"] for line in batch.lines] == list(batch.ids) == ["id-0", "mine"]


def test_a_failed_event_is_found_by_receipt_and_index() -> None:
    """Its locator is receipt and place, its hour the request's, its signature the processor's."""
    failed = judged(order(), UNREADABLE).failed[1]
    assert failed.origin.locator == f"{RECEIPT.id}:1"
    assert failed.origin.arrived_at == RECEIPT.received_at
    assert failed.processor == "sluice-collect/0.1.0"


def test_a_token_names_the_source() -> None:
    """Who authenticates and names no source posts as /token/<name>."""
    (line,) = judged(order(), principal="shop").lines
    assert loads(line.text)["source"] == "/token/shop"


@pytest.mark.parametrize(
    ("source", "principal", "taken"),
    [
        ("/token/shop", "shop", True),
        ("/elsewhere", "shop", True),
        ("/token/bank", "shop", False),
        ("/token/shop/till", "shop", False),
        ("/token/", "shop", False),
        ("/token/anonymous", "anonymous", False),
    ],
)
def test_nobody_posts_as_another_token(source: str, principal: str, taken: bool) -> None:
    """Under /token/ a client may only name itself."""
    batch = judged(order(source=source), principal=principal)
    assert bool(batch.lines) is taken
    assert taken or only_failure(batch).details[0].pointer == "/source"


def test_a_token_sends_only_its_types() -> None:
    """A type a token may not send is type_forbidden; a token without a list may send all."""
    allowed = {"shop": frozenset({"page.viewed"}), "all": None}
    collect = replace(COLLECT, allowed_types=allowed.get)
    assert only_failure(judged(order(), collect=collect, principal="shop")).type is ErrorType.TYPE_FORBIDDEN
    assert judged(order(), collect=collect, principal="all").lines


def test_data_that_came_alone_is_put_into_its_event() -> None:
    """Attributes from headers make the envelope; a failure keeps them beside the raw body."""
    attributes = {"type": "order.placed", "id": "h", "subject": "s"}
    good = COLLECT.judge(Elements([ORDER], lambda _: b"{}", "data", attributes), RECEIPT, by_index())
    assert (loads(good.lines[0].text)["id"], good.lines[0].partition_key) == ("h", "s")
    bad = COLLECT.judge(Elements([{}], lambda _: b" {}", "data", attributes), RECEIPT, by_index()).failed[0]
    assert bad.payload == b" {}"
    assert bad.identity.id == "h"
    assert bad.origin.facts == {
        "principal": "anonymous",
        "content": "data",
        "ce-type": "order.placed",
        "ce-id": "h",
        "ce-subject": "s",
    }


def test_an_unreadable_body_is_one_failed_event_with_what_came_beside_it() -> None:
    """The whole body is kept, and what headers and path said of it."""
    failed = COLLECT.unreadable(UNREADABLE, b"{", RECEIPT, {"type": "order.placed", "id": "h"})
    assert failed.payload == b"{"
    assert (failed.identity.type, failed.identity.id) == ("order.placed", "h")
    assert failed.origin.facts == {"principal": "anonymous", "content": "body", "ce-type": "order.placed", "ce-id": "h"}
