"""Faults: the words they are written in, and the file they are kept in."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.local.faults import KINDS, Fault, FaultError, FaultFile, known_faults

EVERY_KIND = [(target, kind) for target, kinds in KINDS.items() for kind in kinds]


@pytest.fixture
def file(tmp_path: Path) -> FaultFile:
    """Return the faults of a run that has none."""
    return FaultFile(tmp_path / "faults.json")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("snowpipe=429", Fault("snowpipe", "429")),
        ("snowpipe=429:60s", Fault("snowpipe", "429", None, 1_060.0)),
        ("snowpipe=hang:1.5m", Fault("snowpipe", "hang", None, 1_090.0)),
        ("snowpipe=fail-file:1h", Fault("snowpipe", "fail-file", None, 4_600.0)),
        ("kinesis=throttle", Fault("kinesis", "throttle", 1.0)),
        ("kinesis=throttle:0.3", Fault("kinesis", "throttle", 0.3)),
        ("kinesis=throttle:0.3:60s", Fault("kinesis", "throttle", 0.3, 1_060.0)),
        ("kinesis=throttle:60s", Fault("kinesis", "throttle", 1.0, 1_060.0)),
        ("s3=slow", Fault("s3", "slow", 2.0)),
        ("s3=slow:5", Fault("s3", "slow", 5.0)),
        ("s3=slow:5s", Fault("s3", "slow", 2.0, 1_005.0)),
    ],
)
def test_words_are_read(words: str, fault: Fault) -> None:
    """A number is plain, a duration has a unit; either may be missing."""
    assert Fault.parse(words, now=1_000.0) == fault


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("kinesis", "TARGET=KIND"),
        ("kinesis=", "TARGET=KIND"),
        ("kinesis=throttle:", "TARGET=KIND"),
        ("kinesis=throttle:-1", "TARGET=KIND"),
        ("kinesis=throttle:1:60", "TARGET=KIND"),
        ("dynamodb=503", "faults are for snowpipe, kinesis, transform, s3"),
        ("kinesis=503", "there are throttle, limits"),
        ("kinesis=throttle:1.1", "above 0, up to 1"),
        ("kinesis=limits:0", "above 0"),
        ("s3=slow:61", "up to 60"),
        ("snowpipe=429:60", "takes no number"),
    ],
)
def test_bad_words_are_answered_with_what_there_is(words: str, says: str) -> None:
    """The message is one line."""
    with pytest.raises(FaultError, match=says) as error:
        Fault.parse(words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("target", "kind"), EVERY_KIND)
def test_every_fault_is_in_the_help(target: str, kind: str) -> None:
    """Each is named as it is written, with a number that it accepts."""
    (line,) = [line for line in known_faults().splitlines() if line.split("[")[0].split()[0] == f"{target}={kind}"]
    assert KINDS[target][kind].meaning in line
    assert Fault.parse(f"{target}={kind}").value == KINDS[target][kind].default


def test_missing_file_means_no_faults(file: FaultFile) -> None:
    """A process may be started before any command has written one."""
    assert file.on() == ()
    assert file.active("s3", "503") is None


def test_what_one_writes_another_reads_at_once(file: FaultFile, tmp_path: Path) -> None:
    """The reader keeps what it read only as long as the file is the same."""
    reader = FaultFile(tmp_path / "faults.json")
    for kind in ("429", "503", "hang", "429"):
        file.replace([Fault("snowpipe", kind)])
        assert [fault.kind for fault in reader.on()] == [kind]


def test_file_is_read_once_while_it_stays_the_same(
    file: FaultFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request looks at the faults: a look costs one stat."""
    file.replace([Fault("s3", "503")])
    reads: list[Path] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    for _ in range(3):
        assert file.active("s3", "503")
    assert reads == [tmp_path / "faults.json"]


def test_fault_ends_by_itself(file: FaultFile) -> None:
    """It is on up to its end, and not from then on."""
    file.replace([Fault("s3", "503", None, 1_060.0)])
    assert file.active("s3", "503", now=1_059.9)
    assert file.active("s3", "503", now=1_060.0) is None


def test_faults_add_up_and_go_by_target(file: FaultFile) -> None:
    """Several of one target may be on; one of the same kind is replaced; off is said of a target."""
    file.switch_on([Fault.parse("kinesis=throttle:0.3"), Fault.parse("s3=503")])
    file.switch_on([Fault.parse("kinesis=throttle:0.5"), Fault.parse("kinesis=limits")])
    assert {(fault.kind, fault.value) for fault in file.on()} == {("503", None), ("throttle", 0.5), ("limits", 1.0)}
    file.switch_off(["kinesis"])
    assert [fault.target for fault in file.on()] == ["s3"]
    with pytest.raises(FaultError, match="dynamodb"):
        file.switch_off(["dynamodb"])


def test_file_that_is_not_ours_means_no_faults(file: FaultFile, tmp_path: Path) -> None:
    """A half-written or foreign file stops no process."""
    for text in ("", "{", "[1]", json.dumps([{"what": 1}])):
        (tmp_path / "faults.json").write_text(text)
        assert file.on() == ()


@settings(max_examples=30)  # each is two files
@given(
    st.lists(
        st.builds(
            Fault,
            st.sampled_from(sorted(KINDS)),
            st.text(),
            st.none() | st.floats(0, 1),
            st.none() | st.floats(1, 2**40),
        )
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, faults: list[Fault]) -> None:
    """Each comes back as it was."""
    file = FaultFile(tmp_path_factory.getbasetemp() / "faults.json")
    file.replace(faults)
    assert file.on(now=0) == tuple(faults)
