"""The envelope: which elements are events, what is completed, and what is known before any check."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.event import SERVER_ATTRIBUTES, Event, identify, read_event

DEFAULTS = {"id": "i", "source": "/anonymous", "time": "2026-01-31T12:00:00.000Z"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["id", "source", "type", "subject", "time", "data", "dataschema", "specversion", "partitionkey"]
)


def event(**attributes: Any) -> dict[str, Any]:
    """Return the smallest event with more or other attributes."""
    return {"type": "a", "data": 1, **attributes}


def rejection_of(element: Any) -> Rejection:
    """Return why an element is no event."""
    outcome = read_event(element, DEFAULTS)
    assert isinstance(outcome, Rejection)
    return outcome


def test_the_smallest_event_is_completed() -> None:
    """Type and data are enough; specversion, id, source and time are filled in."""
    outcome = read_event({"type": "a", "data": None}, DEFAULTS)
    assert isinstance(outcome, Event)
    assert outcome.attributes == {"specversion": "1.0", **DEFAULTS, "type": "a"}
    assert outcome.data is None


def test_given_attributes_are_kept_in_their_order() -> None:
    """What a client gives wins over defaults; extensions keep value and order."""
    outcome = read_event(event(id="x", zeta=1, alpha=True, beta="b", time="2026-01-31T12:00:00+01:00"), DEFAULTS)
    assert isinstance(outcome, Event)
    assert outcome.attributes["id"] == "x"
    assert outcome.attributes["time"] == "2026-01-31T12:00:00+01:00"
    assert [name for name in outcome.attributes if name in {"zeta", "alpha", "beta"}] == ["zeta", "alpha", "beta"]


def test_null_counts_as_not_given() -> None:
    """An attribute that is null is left out, and completed where there is a default."""
    outcome = read_event(event(id=None, subject=None, extra=None), DEFAULTS)
    assert isinstance(outcome, Event)
    assert outcome.attributes["id"] == "i"
    assert not {"subject", "extra"} & outcome.attributes.keys()


REJECTED = {
    "a string": ("text", "", "type"),
    "a number": (3, "", "type"),
    "an array": ([{}], "", "type"),
    "null": (None, "", "type"),
    "no type": ({"data": 1}, "", "required"),
    "a type that is null": ({"type": None, "data": 1}, "", "required"),
    "no data": ({"type": "a"}, "", "required"),
    "a type in capitals": (event(type="Order"), "/type", "attribute"),
    "a type with a newline behind it": (event(type="order\n"), "/type", "attribute"),
    "a type with a control character": (event(type="or\x00der"), "/type", "attribute"),
    "a type with two dots": (event(type="a..b"), "/type", "attribute"),
    "a type that climbs": (event(type="../secrets"), "/type", "attribute"),
    "a type of 129 characters": (event(type="a" * 129), "/type", "attribute"),
    "a type with Greek letters": (event(type="αβγ"), "/type", "attribute"),
    "a type with Arabic digits": (event(type="a٣"), "/type", "attribute"),
    "a type that is a list": (event(type=["a"]), "/type", "attribute"),
    "an id that is a number": (event(id=7), "/id", "attribute"),
    "an id that is empty": (event(id=""), "/id", "attribute"),
    "an id of 10 KB": (event(id="x" * 10_240), "/id", "attribute"),
    "an id with a newline": (event(id="a\nb"), "/id", "attribute"),
    "a source with a delete": (event(source="/a\x7f"), "/source", "attribute"),
    "a subject with a C1 control": (event(subject="a\x85b"), "/subject", "attribute"),
    "a partition key that is an object": (event(partitionkey={}), "/partitionkey", "attribute"),
    "a dataschema that is a number": (event(dataschema=1), "/dataschema", "attribute"),
    "another specversion": (event(specversion="0.3"), "/specversion", "attribute"),
    "a specversion that is a number": (event(specversion=1.0), "/specversion", "attribute"),
    "an extension that is an object": (event(extra={"a": 1}), "/extra", "attribute"),
    "an extension that is a float": (event(extra=1.5), "/extra", "attribute"),
    "an extension beyond 32 bits": (event(extra=2**31), "/extra", "attribute"),
    "an extension with a control character": (event(extra="a\nb"), "/extra", "attribute"),
    "a subject with a noncharacter": (event(subject="a\ufdd0"), "/subject", "attribute"),
    "an id with a noncharacter of another plane": (event(id="a\U0001fffe"), "/id", "attribute"),
    "an extension in capitals": (event(traceId="x"), "/traceId", "attribute"),
    "an extension without a name": (event(**{"": 1}), "/", "attribute"),
    "an extension whose name needs escaping": (event(**{"a/b~c": 1}), "/a~1b~0c", "attribute"),
    "binary data": (event(data_base64="AA=="), "/data_base64", "reserved"),
    **{f"a client's {name}": (event(**{name: "x"}), f"/{name}", "reserved") for name in sorted(SERVER_ATTRIBUTES)},
    "a client's receivedat that is null": (event(receivedat=None), "/receivedat", "reserved"),
}


@pytest.mark.parametrize(("element", "pointer", "keyword"), REJECTED.values(), ids=REJECTED.keys())
def test_what_is_no_event_is_rejected_where_it_is_wrong(element: Any, pointer: str, keyword: str) -> None:
    """The first detail points at the attribute and names the rule."""
    rejection = rejection_of(element)
    assert rejection.type is ErrorType.NOT_AN_EVENT
    assert (rejection.details[0].pointer, rejection.details[0].keyword) == (pointer, keyword)


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31T12:00:00.1+05:30",
        "2026-01-31T12:00:00.123456789Z",
        "2016-12-31T23:59:60Z",
        "2024-02-29T00:00:00-23:59",
        "0001-01-01T00:00:00Z",
    ],
)
def test_an_rfc_3339_time_is_taken(time: str) -> None:
    """Fractions, offsets and leap seconds included."""
    assert isinstance(read_event(event(time=time), DEFAULTS), Event)


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-23:59",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00Z",
        "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+00:60",
        "0000-01-01T00:00:00Z",
        "12026-01-31T12:00:00Z",
        "٢٠٢٦-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        "2026-01-31T12:00:00." + "1" * 10_000 + "Z",
        "now",
        "",
        1769860800,
    ],
    ids=lambda time: str(time)[:40] or "empty",
)
def test_what_is_no_rfc_3339_time_is_rejected(time: Any) -> None:
    """Neither other ISO 8601 shapes nor dates that do not exist pass."""
    assert rejection_of(event(time=time)).details[0].pointer == "/time"


def test_every_fault_is_named() -> None:
    """One rejection tells of all that is wrong."""
    pointers = {detail.pointer for detail in rejection_of({"id": 1, "time": "x", "receiptid": "y"}).details}
    assert pointers == {"/id", "/time", "/receiptid", ""}


def test_ten_thousand_bad_attributes_make_a_bounded_answer() -> None:
    """At most 10 details are shown."""
    shown = rejection_of(event(**{f"X{number}": {} for number in range(10_000)})).to_json()
    assert len(shown["details"]) == 10  # type: ignore[arg-type]


def test_a_name_of_a_megabyte_makes_a_bounded_and_helpful_answer() -> None:
    """Texts are cut to 300 characters, and the message still says what is wrong."""
    shown = rejection_of(event(**{"X" * 1_000_000: 1}))
    message = str(shown.to_json()["message"])
    assert len(message) <= 300
    assert "lower-case letters and digits" in message
    assert all(len(text) <= 300 for detail in shown.details for text in detail.to_json().values())


@pytest.mark.parametrize(
    ("attributes", "key"),
    [({}, None), ({"subject": "s"}, "s"), ({"partitionkey": "p"}, "p"), ({"subject": "s", "partitionkey": "p"}, "p")],
    ids=["none", "subject", "partitionkey", "both"],
)
def test_partitionkey_wins_over_subject(attributes: dict[str, str], key: str | None) -> None:
    """What keeps events together is their partition key, else their subject."""
    outcome = read_event(event(**attributes), DEFAULTS)
    assert isinstance(outcome, Event)
    assert outcome.partition_key == key


def test_identity_is_assigned_before_any_check() -> None:
    """Missing id, source and time are assigned; usable values are kept, unusable ones are unknown."""
    known = identify({"type": "No Type", "time": "soon", "dataschema": "a/1-0-0"}, DEFAULTS)
    assert known.to_json() == {"id": "i", "source": "/anonymous", "type": None, "time": None, "dataschema": "a/1-0-0"}


@given(st.dictionaries(NAMES | st.text(max_size=6), JSON, max_size=8))
def test_any_object_is_an_event_or_a_rejection(element: dict[str, Any]) -> None:
    """Neither the check nor the identity ever raises; an event has all that a line needs."""
    identity = identify(element, DEFAULTS)
    outcome = read_event(element, DEFAULTS)
    if isinstance(outcome, Event):
        assert {"specversion", "id", "source", "type", "time"} <= outcome.attributes.keys()
        assert identity.id == outcome.attributes["id"]
        assert not SERVER_ATTRIBUTES & outcome.attributes.keys()
    else:
        assert outcome.details
