"""Archives: the same content is the same file, and what is missing is named."""

import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.deploy.archives import (
    MissingFromArchiveError,
    content_hash,
    files_below,
    files_in,
    require,
    write_archive,
)

FILES = {"b/two.json": b"{}", "a.py": b"print()", "b/one.so": bytes(range(256))}


def test_same_content_gives_the_same_bytes(tmp_path):
    """Order and folder make no difference to name or bytes."""
    first = write_archive(tmp_path / "1", "app", FILES)
    second = write_archive(tmp_path / "2", "app", dict(reversed(FILES.items())))

    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_source_times_do_not_count(tmp_path):
    """A file that was only touched leaves the archive as it was."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_bytes(b"1")
    before = write_archive(tmp_path, "app", files_below(source))
    os.utime(source / "a.py", (0, 0))

    assert write_archive(tmp_path, "app", files_below(source)) == before


def test_archive_holds_what_was_given(tmp_path):
    """Reading an archive gives back the files it was made of."""
    assert files_in(write_archive(tmp_path, "app", FILES)) == FILES


def test_compiled_python_stays_out(tmp_path):
    """`__pycache__` depends on who ran the code before, so it is no part of a package."""
    (tmp_path / "pkg/__pycache__").mkdir(parents=True)
    (tmp_path / "pkg/a.py").write_bytes(b"")
    (tmp_path / "pkg/__pycache__/a.cpython-311.pyc").write_bytes(b"x")

    assert files_below(tmp_path, "lib/") == {"lib/pkg/a.py": b""}


def test_no_half_written_archive_is_left_under_the_final_name(tmp_path):
    """What has its final name is whole: the unfinished file is renamed at the end."""
    archive = write_archive(tmp_path, "app", FILES)

    assert list(tmp_path.iterdir()) == [archive]
    assert zipfile.ZipFile(archive).testzip() is None


@given(
    st.dictionaries(st.text(min_size=1), st.binary(), max_size=4),
    st.dictionaries(st.text(min_size=1), st.binary(), max_size=4),
)
def test_other_content_gives_another_hash(one, other):
    """Two sets of files share a hash only if they are the same set."""
    assert (content_hash(one) == content_hash(other)) == (one == other)


def test_require_names_everything_that_is_missing(tmp_path):
    """Files and folders that are not there are all named at once; what is there is not."""
    archive = write_archive(tmp_path, "layer", {"orjson/__init__.py": b"", "schemas/": b""})

    with pytest.raises(MissingFromArchiveError, match=r"layer-\w+\.zip lacks jwt/__init__\.py, schemas/$"):
        require(archive, ["orjson/__init__.py", "jwt/__init__.py", "schemas/"])


def test_require_is_content_with_a_whole_archive(tmp_path):
    """A folder counts as there as soon as one file lies in it."""
    archive = write_archive(tmp_path, "layer", {"schemas/a/1.json": b"{}"})

    require(archive, ["schemas/", "schemas/a/1.json"])
