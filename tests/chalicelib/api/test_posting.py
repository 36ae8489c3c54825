"""Posting: from request to answer, with nothing lost on the way."""

import gzip
import hashlib
import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.answer import Answer
from chalicelib.api.post import Post
from chalicelib.api.posting import Posting, Token
from chalicelib.contracts.registry import Registry
from chalicelib.core.json_text import dumps, loads
from chalicelib.core.spill import read_spill
from chalicelib.stages.collect import Collect
from chalicelib.stages.spill import Delivery
from tests.fakes import ORDER, RECEIVED_AT, FakeDeadLetters, FakeRequestLog, FakeSpills, FakeStream, numbered_ids, order

REGISTRY = Registry()
SHOP = Token("shop", hashlib.sha256(b"secret").hexdigest(), frozenset({"order.placed"}))
GOOD = dumps(order())


@dataclass
class House:
    """A posting with all its fakes."""

    stream: FakeStream = field(default_factory=FakeStream)
    dead_letters: FakeDeadLetters = field(default_factory=FakeDeadLetters)
    request_log: FakeRequestLog = field(default_factory=FakeRequestLog)
    tokens: tuple[Token, ...] = ()
    spills: FakeSpills | None = None

    def post(self, body: bytes, event_type: str | None = None, **headers: str) -> tuple[Answer, Any]:
        """Post a body; headers are written with underscores. Return the answer and its JSON."""
        allowed = {token.name: token.types for token in self.tokens}
        posting = Posting(
            Collect(REGISTRY, "sluice-collect/0.1.0", allowed.get),
            Delivery(self.stream, self.spills),
            self.dead_letters,
            self.request_log,
            self.tokens,
            numbered_ids(),
            lambda: RECEIVED_AT,
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = posting.post(Post(body, named, event_type, "192.0.2.1"), self.stream.time.budget(27))
        return answer, json.loads(answer.body)

    @property
    def lines(self) -> list[Any]:
        """Return what the stream confirmed."""
        return [loads(line) for line in self.stream.lines]

    @property
    def spilled(self) -> list[Any]:
        """Return what waits in the spill."""
        objects = self.spills.objects.values() if self.spills else ()
        return [loads(line.text) for body, _ in objects for line in read_spill(body)]

    @property
    def log(self) -> tuple[Any, ...]:
        """Return the counts of the only request logged."""
        (entry,) = self.request_log.entries
        return tuple(entry[name] for name in ("offered", "accepted", "rejected", "unavailable"))


def test_an_accepted_event_is_on_the_stream() -> None:
    """202, one line with its receipt, one log entry, nothing set aside."""
    house = House()
    answer, body = house.post(GOOD, user_agent="curl/8\x00" + "x" * 600)
    assert answer.status is HTTPStatus.ACCEPTED
    assert body["results"] == [{"index": 0, "status": "accepted", "id": "id-1"}]
    (line,) = house.lines
    assert (line["id"], line["receiptid"], line["clientip"], line["principal"]) == (
        "id-1",
        body["receipt"],
        "192.0.2.1",
        "anonymous",
    )
    assert line["useragent"] == "curl/8" + "x" * 506
    assert house.log == (1, 1, 0, 0)
    assert house.dead_letters.puts == 0


def test_a_mixed_batch_gets_each_its_verdict() -> None:
    """207; the good ones are on the stream, the bad ones whole in one put of the dead-letter store."""
    house = House()
    bad = [b'{"type":"order.placed","data":NaN}', b'"text"', dumps(order(data={"note": "x" * 262_144})), b"1e400"]
    answer, body = house.post(b"[" + b",".join([GOOD, *bad, GOOD]) + b"]")
    assert answer.status is HTTPStatus.MULTI_STATUS
    assert [result.get("error", {}).get("type") for result in body["results"]] == [
        None,
        "not_json",
        "not_an_event",
        "too_large",
        "not_json",
        None,
    ]
    assert [failed.payload for failed in house.dead_letters.kept] == bad
    assert [result["failed_event_id"] for result in body["results"][1:5]] == [
        failed.id for failed in house.dead_letters.kept
    ]
    assert house.dead_letters.puts == 1
    assert house.log == (6, 2, 4, 0)
    assert [line["receiptindex"] for line in house.lines] == [0, 5]


def test_a_dead_letter_store_that_fails_hides_no_verdict() -> None:
    """The client still learns what is wrong; failed_event_id is null; good neighbours are accepted."""
    house = House(dead_letters=FakeDeadLetters(works=False))
    answer, body = house.post(b"[" + GOOD + b",7]")
    assert answer.status is HTTPStatus.MULTI_STATUS
    assert body["results"][1]["failed_event_id"] is None
    assert body["results"][1]["error"]["type"] == "not_an_event"
    assert len(house.lines) == 1


def test_what_the_stream_does_not_confirm_is_unavailable() -> None:
    """503 with Retry-After when nothing was accepted, and the log says so."""
    house = House(stream=FakeStream(fails=lambda _record, _attempt: True))
    answer, body = house.post(GOOD)
    assert (answer.status, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "5")
    assert body["results"][0]["status"] == "unavailable"
    assert house.log == (1, 0, 0, 1)


def test_what_the_stream_does_not_take_is_accepted_once_it_is_spilled() -> None:
    """202: the lines lie in one object with all that the stream would have got, and the log counts them."""
    house = House(stream=FakeStream(fails=lambda _record, _attempt: True), spills=FakeSpills())
    answer, body = house.post(b"[" + GOOD + b"," + GOOD + b"]")
    assert answer.status is HTTPStatus.ACCEPTED
    assert [result["status"] for result in body["results"]] == ["accepted", "accepted"]
    assert [(line["receiptid"], line["receiptindex"]) for line in house.spilled] == [
        (body["receipt"], 0),
        (body["receipt"], 1),
    ]
    assert house.log == (2, 2, 0, 0)
    assert house.request_log.entries[0]["spilled"] == 2
    assert house.lines == []


def test_a_spill_that_fails_is_a_503() -> None:
    """Neither on the stream nor in the spill: unavailable, and counted so."""
    house = House(stream=FakeStream(fails=lambda _record, _attempt: True), spills=FakeSpills(works=False))
    answer, _ = house.post(GOOD)
    assert (answer.status, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "5")
    assert house.log == (1, 0, 0, 1)
    assert house.request_log.entries[0]["spilled"] == 0


def test_rejected_events_are_logged_by_their_error() -> None:
    """The log counts what was set aside, by type."""
    house = House()
    house.post(b"[" + GOOD + b',7,{"type":"order.placed","data":{}},8]')
    assert house.request_log.entries[0]["dead_letters"] == {"not_an_event": 2, "schema_violation": 1}
    house = House()
    house.post(b"hello")
    assert house.request_log.entries[0]["dead_letters"] == {"not_json": 1}


def test_a_stream_that_refuses_is_a_503() -> None:
    """A missing stream is no 500."""
    answer, _ = House(stream=FakeStream(refuses_from_call=0)).post(GOOD)
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE


UNREADABLE = {
    "not JSON": (b"hello", {}, None),
    "invalid UTF-8": (b'{"a":"\xff"}', {}, None),
    "open brackets": (b"[" * 100_000, {}, None),
    "truncated gzip": (gzip.compress(GOOD)[:-3], {}, None),
    "no JSON behind a type": (b"hello", {"ce_id": "h"}, "order.placed"),
}


@pytest.mark.parametrize(("body", "headers", "event_type"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_body_is_one_failed_event(body: bytes, headers: dict[str, str], event_type: str | None) -> None:
    """400, the body kept whole with what came beside it, one log entry, nothing on the stream."""
    house = House()
    answer, told = house.post(body, event_type, **headers)
    assert answer.status is HTTPStatus.BAD_REQUEST
    (failed,) = house.dead_letters.kept
    assert failed.payload == body
    assert told["failed_event_id"] == failed.id
    assert failed.identity.type == event_type
    assert house.log == (1, 0, 1, 0)
    assert house.lines == []


@pytest.mark.parametrize("body", [b"", b" \n", b"[]"], ids=["empty", "blank", "empty array"])
def test_a_body_without_an_event_stores_nothing(body: bytes) -> None:
    """400, and nothing else happens."""
    house = House()
    assert house.post(body)[0].status is HTTPStatus.BAD_REQUEST
    assert (house.dead_letters.puts, house.request_log.entries, house.stream.calls) == (0, [], [])


def test_an_idempotency_key_makes_the_same_ids_again() -> None:
    """A retry finds its ids, given ones stay, and another key, place or principal makes others."""

    def ids(key: str, tokens: tuple[Token, ...] = (), **headers: str) -> list[str]:
        _, body = House(tokens=tokens).post(
            b"[" + GOOD + b"," + dumps(order(id="mine")) + b"," + GOOD + b"]", idempotency_key=key, **headers
        )
        return [result["id"] for result in body["results"]]

    first = ids("k")
    assert first == ids("k")
    assert first[1] == "mine"
    assert first[0] != first[2]
    assert not {*first[::2]} & {*ids("other")}
    assert not {*first[::2]} & {*ids("k", (SHOP,), authorization="Bearer secret")}


def test_ids_of_rejected_events_come_from_the_key_too() -> None:
    """The place counts, not what became of the neighbours."""
    _, mixed = House().post(b"[7," + GOOD + b"]", idempotency_key="k")
    _, good = House().post(b"[" + GOOD + b"," + GOOD + b"]", idempotency_key="k")
    assert [result["id"] for result in mixed["results"]] == [result["id"] for result in good["results"]]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", "a\tb"], ids=["empty", "256 characters", "null", "tab"])
def test_a_bad_idempotency_key_is_refused(key: str) -> None:
    """400 before anything is stored."""
    house = House()
    answer, body = house.post(GOOD, idempotency_key=key)
    assert (answer.status, body["error"]["type"]) == (HTTPStatus.BAD_REQUEST, "bad_idempotency_key")
    assert house.lines == []


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer sécret", "Bearer " + SHOP.sha256],
)
def test_without_a_fitting_token_nothing_is_taken(authorization: str) -> None:
    """401, and nothing is stored."""
    house = House(tokens=(SHOP,))
    answer, body = house.post(GOOD, authorization=authorization)
    assert (answer.status, body["error"]["type"]) == (HTTPStatus.UNAUTHORIZED, "unauthorized")
    assert (house.lines, house.dead_letters.puts) == ([], 0)


def test_a_token_is_the_principal_and_the_source() -> None:
    """Its name stands on the line; a type it may not send is rejected and kept."""
    house = House(tokens=(SHOP,))
    body = b"[" + GOOD + b',{"type":"page.viewed","data":{}}]'
    answer, told = house.post(body, authorization="bearer  secret")
    assert answer.status is HTTPStatus.MULTI_STATUS
    assert (house.lines[0]["principal"], house.lines[0]["source"]) == ("shop", "/token/shop")
    assert told["results"][1]["error"]["type"] == "type_forbidden"


def test_data_alone_is_enough_behind_a_type() -> None:
    """The curl one-liner: the body is data, headers name the rest."""
    house = House()
    answer, _ = house.post(dumps(ORDER), "order.placed", ce_id="h", ce_source="/shop", ce_time="2026-01-01T00:00:00Z")
    assert answer.status is HTTPStatus.ACCEPTED
    line = house.lines[0]
    assert (line["id"], line["source"], line["time"], line["data"]) == ("h", "/shop", "2026-01-01T00:00:00Z", ORDER)


@given(
    st.lists(
        st.sampled_from(
            [GOOD, b"7", b"NaN", b'"\\ud800"', b"{}", b'{"type":"order.placed","data":{}}', dumps(order(id="x"))]
        ),
        min_size=1,
        max_size=8,
    ),
    st.sets(st.integers(0, 8)),
    st.sampled_from([None, True, False]),
)
def test_received_is_accepted_and_rejected_and_unavailable(
    elements: list[bytes], faults: set[int], spill_works: bool | None
) -> None:
    """Whatever comes and whatever fails: the answer, the log, the stores and the dead letters agree."""
    spills = None if spill_works is None else FakeSpills(works=spill_works)
    house = House(FakeStream(fails=lambda record, _attempt: bool(faults & {*record.indexes})), spills=spills)
    _, body = house.post(b"[" + b",".join(elements) + b"]")
    assert house.log == (len(elements), body["accepted"], body["rejected"], body["unavailable"])
    assert body["accepted"] + body["rejected"] + body["unavailable"] == len(elements)
    assert len(house.lines) + len(house.spilled) == body["accepted"]
    assert len(house.spilled) == house.request_log.entries[0]["spilled"]
    told = {status: [] for status in ("accepted", "rejected", "unavailable")}
    for result in body["results"]:
        told[result["status"]].append(result["index"])
    assert sorted(line["receiptindex"] for line in [*house.lines, *house.spilled]) == told["accepted"]
    assert len(house.dead_letters.kept) == body["rejected"]


def test_5000_failing_events_are_answered_in_time() -> None:
    """A full request in which every event breaks its contract takes about a second."""
    house = House()
    body = b"[" + b",".join([dumps(order(data={"order_id": 1, "amount": -1, "lines": [{}]}))] * 5_000) + b"]"
    started_s = time.process_time()
    answer, _ = house.post(body)
    assert answer.status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(house.dead_letters.kept) == 5_000
    assert time.process_time() - started_s < 5
