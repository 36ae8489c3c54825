"""A PutRecords call taken apart and put together: one answer a record, in the order of the records."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.shim.put_records import THROTTLED, merge, passed, refusal, size_bytes

REFUSED = refusal("a-stream")


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_answers_line_up_with_the_records(fates: list[tuple[bool, bool]]) -> None:
    """Each record gets its own answer: what the stream said of it, or that its shard takes no more."""
    passes = [it_passes for it_passes, _ in fates]
    records = [{"PartitionKey": str(number), "Data": ""} for number in range(len(fates))]
    taken = passed(records, passes)
    answered = [
        {"ErrorCode": "InternalFailure", "of": record["PartitionKey"]}
        if fates[int(record["PartitionKey"])][1]
        else {"SequenceNumber": "1", "of": record["PartitionKey"]}
        for record in taken
    ]
    answer = merge(passes, answered, REFUSED)

    assert len(answer["Records"]) == len(records)
    for number, (entry, (it_passes, fails)) in enumerate(zip(answer["Records"], fates, strict=True)):
        assert entry == REFUSED if not it_passes else entry["of"] == str(number)
        assert ("ErrorCode" in entry) == (not it_passes or fails)
    assert answer["FailedRecordCount"] == sum(not it_passes or fails for it_passes, fails in fates)


@pytest.mark.parametrize("answered", [[], [{}, {}]])
def test_answers_that_do_not_match_are_not_guessed_at(answered: list[dict[str, str]]) -> None:
    """Too few or too many: no record may get another one's answer."""
    with pytest.raises(ValueError, match="1 records were handed on"):
        merge([True, False], answered, REFUSED)


@given(st.binary(max_size=100), st.text(min_size=1, max_size=20))
def test_record_counts_for_its_data_and_its_key(data: bytes, key: str) -> None:
    """Data is base64 on the way; what counts is what it stands for."""
    assert size_bytes({"Data": b64encode(data).decode(), "PartitionKey": key}) == len(data) + len(key.encode())


def test_refusal_is_the_one_that_is_tried_again() -> None:
    """The code is the one that SDKs and the API know."""
    assert REFUSED["ErrorCode"] == THROTTLED == "ProvisionedThroughputExceededException"
