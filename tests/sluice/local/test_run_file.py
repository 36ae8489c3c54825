"""The run file: two who write it lose nothing of each other."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sluice.local.ports import Ports
from sluice.local.run_file import ProcessId, Run, change_run, read_run, write_run

RUN = Run(Ports(1, 2, 3, 4))


def test_changes_made_at_once_are_all_kept(tmp_path: Path) -> None:
    """The supervisor notes processes while a deploy notes an address."""
    path = tmp_path / "run.json"
    write_run(path, RUN)
    me = ProcessId.of(os.getpid())
    with ThreadPoolExecutor(8) as pool:
        for number in range(40):
            pool.submit(change_run, path, lambda run, name=str(number): run.with_process(name, me), RUN)
        pool.submit(change_run, path, lambda run: replace(run, packaged_api="http://api"), RUN)
    run = read_run(path)

    assert run
    assert (len(run.processes), run.packaged_api) == (40, "http://api")


def test_run_that_nobody_wrote_is_given(tmp_path: Path) -> None:
    """The first change makes the file."""
    run = change_run(tmp_path / "new" / "run.json", lambda run: replace(run, ready_at="now"), RUN)
    assert read_run(tmp_path / "new" / "run.json") == run == replace(RUN, ready_at="now")


def test_run_of_an_older_checkout_is_none(tmp_path: Path) -> None:
    """Its ports were fewer."""
    write_run(tmp_path / "run.json", RUN)
    stored = json.loads((tmp_path / "run.json").read_text())
    del stored["ports"]["shim"]
    (tmp_path / "run.json").write_text(json.dumps(stored))
    assert read_run(tmp_path / "run.json") is None
