"""What `up --detach` shows of the supervisor that it starts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sluice.commands.console import CommandError
from sluice.commands.up import LAST_WORDS, follow


@contextmanager
def _supervisor(log: Path, *lines: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start what runs some lines of Python, as a supervisor that writes its log; kill it in the end."""
    with log.open("wb") as output:
        child = subprocess.Popen([sys.executable, "-u", "-c", "\n".join(lines)], stdout=output, stderr=output)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def test_it_is_followed_to_the_end_of_the_ready_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However long that takes; then it goes on by itself."""
    said = [f"print({text!r}); time.sleep(0.2)" for text in ("starting", "Ready after 3 s.", LAST_WORDS)]
    with _supervisor(tmp_path / "log", "import time", *said, "time.sleep(60)") as child:
        follow(child, tmp_path / "log")
        assert child.poll() is None
    assert capsys.readouterr().out.split("\n") == ["starting", "Ready after 3 s.", LAST_WORDS, ""]


def test_one_that_does_not_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All it said is shown, and where it can be read again."""
    with (
        _supervisor(tmp_path / "log", "raise SystemExit('no such port')") as child,
        pytest.raises(CommandError, match=f"did not start; its output is in {tmp_path}"),
    ):
        follow(child, tmp_path / "log")
    assert "no such port" in capsys.readouterr().out
