"""Files and pipes: which pipe loads what, and the keys under which a file is loaded again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.landing import LandedFile, Pipe, pipe_for, reload_key, reload_number

EVENTS = Pipe("P", "events/", "T")
PATHS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("key", "again"),
    [
        ("events/a.gz", "events/reload=1/a.gz"),
        ("events/reload=1/a.gz", "events/reload=2/a.gz"),
        ("events/reload=9/dt=2026-01-31/hh=12/a b+é.gz", "events/reload=10/dt=2026-01-31/hh=12/a b+é.gz"),
        ("events/reload=0/a.gz", "events/reload=1/reload=0/a.gz"),
        ("events/reload=x/a.gz", "events/reload=1/reload=x/a.gz"),
        ("events/reload=3/", "events/reload=1/reload=3/"),
    ],
)
def test_a_file_is_loaded_again_under_a_key_of_its_own(key: str, again: str) -> None:
    """The number counts up; what only looks like a number is part of the name."""
    assert reload_key(key, "events/") == again


@given(PATHS, st.integers(1, 5))
def test_reload_keys_count_and_never_meet(path: str, times: int) -> None:
    """Every copy has a key of its own, under the prefix, short enough for S3, and says which copy it is."""
    keys = [f"events/{path}"]
    for _ in range(times):
        keys.append(reload_key(keys[-1], "events/"))
    assert len(set(keys)) == len(keys)
    first = reload_number(keys[0], "events/")
    assert [reload_number(key, "events/") for key in keys] == list(range(first, first + len(keys)))
    assert all(len(key.encode()) <= 1_024 and key.startswith("events/") for key in keys[1:])


def test_a_name_too_long_gives_way_to_its_fingerprint() -> None:
    """Different names keep different keys, and the ending by which the file is read."""
    long = [reload_key(f"events/{letter * 1_010}.csv.gz", "events/") for letter in "ab"]
    assert len(set(long)) == 2
    assert all(key.startswith("events/reload=1/") and key.endswith(".csv.gz") and len(key) < 100 for key in long)
    assert reload_key(long[0], "events/") == long[0].replace("reload=1", "reload=2")


def test_a_key_of_another_prefix_is_refused() -> None:
    """Such a copy would be loaded by another pipe, or by none."""
    with pytest.raises(ValueError, match="weather/"):
        reload_key("weather/a.gz", "events/")


@pytest.mark.parametrize(
    ("key", "is_loaded"),
    [("events/a.gz", True), ("events/dt=1/", False), ("events/", False), ("eventsold/a.gz", False), ("x", False)],
)
def test_a_pipe_loads_its_prefix(key: str, is_loaded: bool) -> None:
    """Neither another prefix nor the empty object that a console makes of a folder."""
    assert pipe_for(LandedFile("landing", key), [EVENTS]) == (EVENTS if is_loaded else None)
