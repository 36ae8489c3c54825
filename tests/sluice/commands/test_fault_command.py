"""`bin/sluice fault` and `up --fault`, as typed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluice.cli import main
from sluice.local.faults import KINDS, FaultFile
from sluice.local.ports import Ports
from sluice.local.run_file import ProcessId, Run, write_run


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultFile]:
    """Let a run be ready whose supervisor is this process, and return its faults."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    me = ProcessId.of(os.getpid())
    write_run(tmp_path / "run.json", Run(Ports(1, 2, 3, 4), me, {}, "now", "http://api"))
    return FaultFile(tmp_path / "faults.json")


def _sluice(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_faults_are_shown_as_they_are(faults: FaultFile) -> None:
    """On, with what is left of them; then off, by target and altogether."""
    on = _sluice("fault", "kinesis=throttle:0.3:60s", "kinesis=limits", "s3=503", "--json")
    assert on.exit_code == 0
    shown = json.loads(on.stdout)
    assert [(fault["target"], fault["kind"], fault["value"]) for fault in shown] == [
        ("kinesis", "throttle", 0.3),
        ("kinesis", "limits", 1),
        ("s3", "503", None),
    ]
    assert 59 < shown[0]["left_s"] <= 60
    assert shown[1]["left_s"] is None
    assert [fault["target"] for fault in json.loads(_sluice("fault", "kinesis=off", "--json").stdout)] == ["s3"]
    assert json.loads(_sluice("fault", "clear", "--json").stdout) == []
    assert "no faults are on" in _sluice("fault").stdout


@pytest.mark.parametrize("word", ["kinesis=throtle", "kinesis=503", "sqs=off", "clear-all", "s3=slow:99"])
def test_one_bad_word_changes_nothing(faults: FaultFile, word: str) -> None:
    """The good words beside it are not obeyed either; the answer is one line and exit code 1."""
    faults.switch_on([])
    _sluice("fault", "s3=slow")
    answer = _sluice("fault", "clear", "snowpipe=429", word)
    assert (answer.exit_code, answer.stderr.count("\n")) == (1, 1)
    assert [fault.kind for fault in faults.on()] == ["slow"]


@pytest.mark.usefixtures("faults")
def test_help_names_every_fault() -> None:
    """A user finds them without the documentation."""
    said = _sluice("fault", "--help").stdout
    assert all(f"{target}={kind}" in said for target, kinds in KINDS.items() for kind in kinds)


@pytest.mark.usefixtures("faults")
@pytest.mark.parametrize(("words", "says"), [("s3=504", "there are slow, 503"), ("s3=503", "already running")])
def test_up_does_not_take_faults_it_cannot_play(words: str, says: str) -> None:
    """A bad word is refused before anything starts; a road that runs has its own command for them."""
    answer = _sluice("up", "--fault", words)
    assert answer.exit_code == 1
    assert says in answer.stderr


def test_faults_of_no_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to play them."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    answer = _sluice("fault", "s3=503")
    assert answer.exit_code == 1
    assert "not running" in answer.stderr
    assert not (tmp_path / "faults.json").exists()
