"""The ledger: one contract, for the fake the stages are tested with and for the table on DynamoDB."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import Compared, Entry, Outcome, State
from chalicelib.core.times import later
from tests.fakes import RECEIVED_AT, FakeLedger, numbered_ids
from tests.file_fakes import FakeClock

AnyLedger = FakeLedger | LedgerTable

FILE = LandedFile("landing", "events/a.gz", 5, "etag")
OTHER = LandedFile("landing", "events/b.gz")


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Return a client of an emulated DynamoDB with a table `ledger`."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("file", "state", "changed_at")
            ],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_state",
                    "KeySchema": [
                        {"AttributeName": "state", "KeyType": "HASH"},
                        {"AttributeName": "changed_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield client


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the ledger reads."""
    return FakeClock()


@pytest.fixture(params=["fake", "table"])
def ledger(request: pytest.FixtureRequest, clock: FakeClock) -> FakeLedger | LedgerTable:
    """Return each implementation of the ports in turn."""
    if request.param == "fake":
        return FakeLedger(now=clock)
    return LedgerTable(request.getfixturevalue("dynamodb"), "ledger", clock)


def test_a_new_file_has_to_be_submitted(ledger: AnyLedger) -> None:
    """Noting it again before it is submitted says so again."""
    assert ledger.notice(FILE, "pipe")
    assert ledger.notice(FILE, "pipe")


def test_a_submitted_file_is_done(ledger: AnyLedger) -> None:
    """Noting it once more does not bring it back, and its neighbour is its own file."""
    ledger.notice(FILE, "pipe")
    ledger.mark_submitted([FILE])
    assert not ledger.notice(FILE, "pipe")
    assert ledger.notice(OTHER, "pipe")


def test_marking_twice_changes_nothing(ledger: AnyLedger) -> None:
    """A state only moves forward."""
    ledger.notice(FILE, "pipe")
    ledger.mark_submitted([FILE])
    ledger.mark_submitted([FILE])
    assert not ledger.notice(FILE, "pipe")


def test_marking_an_unknown_file_does_not_create_it(ledger: AnyLedger) -> None:
    """What was never noted is noted later as new."""
    ledger.mark_submitted([FILE])
    assert ledger.notice(FILE, "pipe")


LOADED = Outcome(State.LOADED, 3)
FAILED = Outcome(State.FAILED, 0, 3, "bad line", 2)


def submitted(ledger: AnyLedger, file: LandedFile = FILE) -> Entry:
    """Return the entry of a file that was submitted once."""
    ledger.notice(file, "pipe")
    assert ledger.mark_submitted([file])
    return read(ledger, file)


def read(ledger: AnyLedger, file: LandedFile = FILE) -> Entry:
    """Return a file's entry."""
    entry = ledger.get(file.name)
    assert entry
    return entry


def test_an_entry_comes_back_whole(ledger: AnyLedger, clock: FakeClock) -> None:
    """What was noted and when, and nothing of a file that was not."""
    submitted(ledger)
    clock.move(5)
    ledger.finish([(FILE, FAILED)])
    assert read(ledger) == Entry(
        file=FILE,
        pipe="pipe",
        state=State.FAILED,
        noticed_at=RECEIVED_AT,
        changed_at=clock(),
        submitted_at=RECEIVED_AT,
        attempts=1,
        rows=0,
        first_error="bad line",
    )
    assert ledger.get(OTHER.name) is None


def test_a_file_submitted_again_counts_once(ledger: AnyLedger, clock: FakeClock) -> None:
    """Of two who saw the same attempt one counts; the clock of the file starts anew."""
    entry = submitted(ledger)
    clock.move(5)
    assert ledger.mark_resubmitted([entry])
    assert not ledger.mark_resubmitted([entry])
    assert (read(ledger).attempts, read(ledger).submitted_at, read(ledger).changed_at) == (2, clock(), clock())
    ledger.finish([(FILE, LOADED)])
    assert not ledger.mark_resubmitted([read(ledger)])


@pytest.mark.parametrize("end", [LOADED, FAILED, Outcome(State.PARTIAL, 1)])
def test_an_end_is_final(ledger: AnyLedger, end: Outcome) -> None:
    """The first to say how a file ended is right; nothing moves it after that."""
    entry = submitted(ledger)
    assert ledger.finish([(FILE, end)])
    before = read(ledger)
    assert not ledger.finish([(FILE, LOADED)])
    assert not ledger.finish([(FILE, FAILED)])
    assert not ledger.mark_submitted([FILE])
    assert not ledger.mark_resubmitted([entry])
    assert not ledger.mark_unknown(FILE, "landing/copy")
    assert not ledger.notice(FILE, "pipe")
    assert read(ledger) == before


def test_a_file_can_end_before_it_is_marked_submitted(ledger: AnyLedger) -> None:
    """Cut off between submitting and marking, the report is still true."""
    ledger.notice(FILE, "pipe")
    assert ledger.finish([(FILE, LOADED)])
    assert (read(ledger).state, read(ledger).rows) == (State.LOADED, 3)


def test_many_change_in_one_call(ledger: AnyLedger) -> None:
    """A hundred files at once, as many as a call takes; of one named twice the change is made once."""
    files = [replace(FILE, key=f"events/{number}.gz") for number in range(100)]
    for file in files:
        ledger.notice(file, "pipe")
    assert ledger.mark_submitted(files) == 100
    some = files[:10]
    assert ledger.mark_resubmitted([read(ledger, file) for file in [*some[1:], some[1]]]) == 9
    assert [read(ledger, file).attempts for file in some] == [1, *[2] * 9]
    assert ledger.finish([(file, LOADED) for file in some]) == 10
    assert {read(ledger, file).state for file in some} == {State.LOADED}
    assert read(ledger, files[10]).state is State.SUBMITTED
    assert ledger.finish([]) == 0


def test_a_file_that_may_not_change_keeps_no_other_from_it(ledger: AnyLedger) -> None:
    """One of the call has ended already: the others change all the same, and are counted."""
    files = [replace(FILE, key=f"events/{number}.gz") for number in range(5)]
    for file in files[:4]:
        submitted(ledger, file)
    ledger.finish([(files[2], FAILED)])
    assert ledger.finish([(file, LOADED) for file in files]) == 3
    assert [ledger.get(file.name) and read(ledger, file).state for file in files] == [
        State.LOADED,
        State.LOADED,
        State.FAILED,
        State.LOADED,
        None,
    ]


def test_an_unknown_file_names_its_copy_and_may_still_end(ledger: AnyLedger) -> None:
    """Only a submitted file becomes unknown, once."""
    ledger.notice(FILE, "pipe")
    assert not ledger.mark_unknown(FILE, "landing/copy")
    ledger.mark_submitted([FILE])
    assert ledger.mark_unknown(FILE, "landing/copy")
    assert not ledger.mark_unknown(FILE, "landing/other")
    assert (read(ledger).state, read(ledger).reloaded_as) == (State.UNKNOWN, "landing/copy")
    assert ledger.finish([(FILE, LOADED)])
    assert read(ledger).reloaded_as == "landing/copy"


def test_an_ended_file_names_its_copy_once(ledger: AnyLedger) -> None:
    """Its state and its time stay; a file that is not there does not come to be."""
    submitted(ledger)
    ledger.finish([(FILE, FAILED)])
    before = read(ledger)
    assert ledger.mark_reloaded(FILE, "landing/copy")
    assert not ledger.mark_reloaded(FILE, "landing/other")
    assert read(ledger) == replace(before, reloaded_as="landing/copy")
    assert not ledger.mark_reloaded(OTHER, "landing/copy")
    assert ledger.get(OTHER.name) is None


def test_a_copy_says_what_it_is_a_copy_of(ledger: AnyLedger) -> None:
    """Noted with it or after it was announced; the first origin stays."""
    assert ledger.notice(FILE, "pipe", "landing/original")
    assert read(ledger).reload_of == "landing/original"
    submitted(ledger, OTHER)
    assert not ledger.notice(OTHER, "pipe", "landing/original")
    assert not ledger.notice(OTHER, "pipe", "landing/another")
    assert (read(ledger, OTHER).reload_of, read(ledger, OTHER).state) == ("landing/original", State.SUBMITTED)


def test_the_longest_in_a_state_come_first(ledger: AnyLedger, clock: FakeClock) -> None:
    """By the time they came into it, up to and without a moment; others are not among them."""
    names = [replace(FILE, key=f"events/{letter}.gz") for letter in "cab"]
    for file in names:
        submitted(ledger, file)
        clock.move(1)
    ledger.finish([(names[1], LOADED)])
    ledger.notice(FILE, "pipe")
    assert [entry.file for entry in ledger.in_state(State.SUBMITTED)] == [names[0], names[2]]
    assert [entry.file for entry in ledger.in_state(State.SUBMITTED, later(RECEIVED_AT, 2))] == [names[0]]
    assert [entry.file for entry in ledger.in_state(State.LOADED)] == [names[1]]
    assert list(ledger.in_state(State.UNKNOWN)) == []


def test_pages_go_on_while_their_entries_move(ledger: AnyLedger, clock: FakeClock) -> None:
    """Several pages of a megabyte, each entry ended as it is read: every one is read once."""
    files = [LandedFile("landing", f"events/{number:02}.gz", 1, "e" * 200_000) for number in range(12)]
    for file in files:
        ledger.notice(file, "pipe")
    clock.move(1)
    read_files = []
    for entry in ledger.in_state(State.NOTICED, clock()):
        read_files.append(entry.file.key)
        ledger.finish([(entry.file, LOADED)])
    assert sorted(read_files) == [file.key for file in files]


def test_known_files_are_told_from_unknown_ones(ledger: AnyLedger) -> None:
    """A hundred at a time, each named as often as one likes."""
    ledger.notice(FILE, "pipe")
    assert ledger.known([FILE.name, OTHER.name, FILE.name]) == {FILE.name}
    assert ledger.known([]) == frozenset()
    assert ledger.known([f"landing/events/{number}" for number in range(100)]) == frozenset()


def test_how_far_landing_was_compared_is_kept(ledger: AnyLedger) -> None:
    """Nothing at first; then the last mark, which is no file."""
    assert ledger.compared() == Compared()
    ledger.mark_compared(Compared(None, RECEIVED_AT, "events/é.gz"))
    assert ledger.compared() == Compared(None, RECEIVED_AT, "events/é.gz")
    ledger.mark_compared(Compared(through=RECEIVED_AT))
    assert ledger.compared() == Compared(through=RECEIVED_AT)
    assert [list(ledger.in_state(state)) for state in State] == [[]] * len(State)


class BusyTable:
    """A table that leaves the last key of each batch unread, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        """Answer all, or all but one."""
        keys = RequestItems["ledger"]["Keys"]
        self.times -= 1
        left = keys[-1:] if self.times >= 0 else []
        request = {"ledger": {**RequestItems["ledger"], "Keys": left}} if left else {}
        return {"Responses": {"ledger": keys[: len(keys) - len(left)]}, "UnprocessedKeys": request}


def test_what_a_batch_left_unread_is_read_again() -> None:
    """With longer and longer pauses, and in the end not at all: a hole would look like unknown files."""
    pauses: list[float] = []
    names = {f"landing/{number}" for number in range(3)}
    assert LedgerTable(BusyTable(2), "ledger", numbered_ids(), pauses.append).known(names) == names
    assert LedgerTable(BusyTable(7), "ledger", numbered_ids(), pauses.append).known(names) == names
    assert pauses[:3] == [0.0, 0.05, 0.1]
    with pytest.raises(TimeoutError, match="ledger"):
        LedgerTable(BusyTable(8), "ledger", numbered_ids(), pauses.append).known(names)


def item(dynamodb: Any) -> dict[str, Any]:
    """Return the file's item."""
    return dict(dynamodb.get_item(TableName="ledger", Key={"file": {"S": FILE.name}})["Item"])


def test_an_item_tells_its_story(dynamodb: Any) -> None:
    """File, pipe, size, etag, state, times and attempts; the first notice stays."""
    ledger = LedgerTable(dynamodb, "ledger", numbered_ids())
    ledger.notice(FILE, "pipe")
    ledger.notice(FILE, "other pipe")
    ledger.mark_submitted([FILE])
    ledger.mark_submitted([FILE])
    assert item(dynamodb) == {
        "file": {"S": "landing/events/a.gz"},
        "state": {"S": "submitted"},
        "pipe": {"S": "pipe"},
        "noticed_at": {"S": "id-0"},
        "submitted_at": {"S": "id-2"},
        "changed_at": {"S": "id-2"},
        "etag": {"S": "etag"},
        "size_bytes": {"N": "5"},
        "attempts": {"N": "1"},
    }


def test_a_file_further_on_stays_there(dynamodb: Any) -> None:
    """Later states, which other stages write, are not taken back."""
    ledger = LedgerTable(dynamodb, "ledger", numbered_ids())
    dynamodb.put_item(TableName="ledger", Item={"file": {"S": FILE.name}, "state": {"S": "loaded"}})
    assert not ledger.notice(FILE, "pipe")
    ledger.mark_submitted([FILE])
    assert item(dynamodb)["state"] == {"S": "loaded"}


def test_any_other_error_is_raised(dynamodb: Any) -> None:
    """A missing table is no answer: the message must come again."""
    ledger = LedgerTable(dynamodb, "missing", numbered_ids())
    with pytest.raises(ClientError):
        ledger.notice(FILE, "pipe")
    with pytest.raises(ClientError):
        ledger.mark_submitted([FILE])
