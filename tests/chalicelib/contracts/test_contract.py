"""One contract: its verdicts, and what they say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.contract import Contract, DetailBudget, Version, split_name
from chalicelib.core.errors import ErrorType, Rejection

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["n"],
    "properties": {
        "n": {"type": "integer", "minimum": 3},
        "at": {"type": "string", "format": "date-time"},
        "a/b~c": {"items": {"$ref": "#/$defs/short"}},
    },
    "$defs": {"short": {"maxLength": 2}},
}
CONTRACT = Contract.compile("t", Version(1, 0, 0), SCHEMA)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["n", "at", "a/b~c"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def faults(data: Any) -> list[tuple[str, str]]:
    """Return pointer and keyword of each fault."""
    rejection = CONTRACT.judge(data)
    assert rejection is not None
    assert rejection.type is ErrorType.SCHEMA_VIOLATION
    return [(detail.pointer, detail.keyword) for detail in rejection.details]


def test_data_that_meets_the_contract_is_taken() -> None:
    """No rejection, whatever else stands in it."""
    assert CONTRACT.judge({"n": 3, "at": "2026-01-31T12:00:00Z", "more": [1]}) is None


def test_faults_point_into_data() -> None:
    """Pointers begin at /data and are escaped; the keyword is the rule's."""
    assert faults({"n": 1}) == [("/data/n", "minimum")]
    assert faults({}) == [("/data", "required")]
    assert faults({"n": 3, "a/b~c": ["x", "xyz"]}) == [("/data/a~1b~0c/1", "maxLength")]
    assert faults("text") == [("/data", "type")]


def test_format_is_asserted() -> None:
    """A date that is none breaks the contract."""
    assert faults({"n": 3, "at": "soon"}) == [("/data/at", "format")]


@pytest.mark.parametrize("number", [2**63, 2**64, 10**37, -(10**37)])
def test_big_integers_are_judged_as_numbers(number: int) -> None:
    """Beyond 64 bits an integer is still an integer, more or less than 3."""
    assert CONTRACT.judge({"n": number}) is None if number > 3 else faults({"n": number}) == [("/data/n", "minimum")]


def test_the_message_says_where_and_is_bounded_when_shown() -> None:
    """A string of 250 KB quoted in the message is cut to 300 characters."""
    rejection = CONTRACT.judge({"n": "x" * 250_000})
    assert rejection is not None
    assert rejection.message.startswith("/data/n: ")
    shown: Any = rejection.to_json()
    assert len(shown["message"]) == 300
    assert len(shown["details"][0]["message"]) == 300


def test_ten_faults_are_enough() -> None:
    """However many there are, ten details are told."""
    assert len(faults({"a/b~c": ["long"] * 1_000})) == 10


@given(JSON)
def test_any_value_has_a_verdict(data: Any) -> None:
    """Judging never raises, and a rejection always has a detail."""
    rejection = CONTRACT.judge(data)
    assert rejection is None or isinstance(rejection, Rejection)
    assert rejection is None or rejection.details


@given(st.tuples(*[st.integers(0, 999_999)] * 3), st.tuples(*[st.integers(0, 999_999)] * 3))
def test_versions_are_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    """They read back what they write, and compare as tuples do."""
    assert Version.parse(str(Version(*one))) == Version(*one)
    assert (Version(*one) < Version(*other)) == (one < other)


@pytest.mark.parametrize(
    "text", ["", "1", "1-0", "1-0-0-0", "1.0.0", "-1-0-0", "01-0-0", "1-0-0 ", "1\u0660-0-0", "1" * 7 + "-0-0"]
)
def test_what_is_no_version_is_none(text: str) -> None:
    """Only three plain numbers are a version."""
    assert Version.parse(text) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/1-0-0", ("a", "1-0-0")),
        ("sluice:a/1-0-0", ("a", "1-0-0")),
        ("a", ("a", "")),
        ("sluice:sluice:a/1-0-0", ("sluice:a", "1-0-0")),
    ],
)
def test_a_name_is_type_and_version(name: str, parts: tuple[str, str]) -> None:
    """The scheme is taken off once."""
    assert split_name(name) == parts


def test_details_end_with_their_budget() -> None:
    """Once a call's budget is spent an element is told its first fault only; the verdict stays."""
    contract = Contract.compile("t", Version(1, 0, 0), {"items": {"type": "string"}})
    budget = DetailBudget(faults=3)
    found = [contract.judge([1, 2, 3, 4], budget) for _ in range(2)]
    assert [len(rejection.details) for rejection in found if rejection] == [4, 1]
    assert contract.judge(["good"], budget) is None


def test_a_forbidden_member_is_named_by_its_rule() -> None:
    """The keyword is the rule, not the name of the member it forbids."""
    contract = Contract.compile("t", Version(1, 0, 0), {"properties": {"secret": False}})
    rejection = contract.judge({"secret": 1})
    assert rejection is not None
    assert rejection.details[0].keyword == "falseSchema"
