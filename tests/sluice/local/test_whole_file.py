"""Files that are replaced in one step."""

import threading
from pathlib import Path

from sluice.local.whole_file import write_whole


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """Never a part of one, while it is written again and again; nothing is left beside it."""
    path, versions = tmp_path / "run.json", [b"a" * 100_000, b"b" * 50_000]
    write_whole(path, versions[0])
    writer = threading.Thread(target=lambda: [write_whole(path, versions[turn % 2]) for turn in range(200)])
    writer.start()
    seen = {path.read_bytes()}
    while writer.is_alive():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= set(versions)
    assert list(tmp_path.iterdir()) == [path]
