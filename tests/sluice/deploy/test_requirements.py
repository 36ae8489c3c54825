"""requirements.txt is the only place that says which version is deployed."""

from pathlib import Path

import pytest

from sluice.deploy.requirements import NotPinnedError, pinned_lines, read_pins
from sluice.deploy.transform import COMPILED

COMPILED_REQUIREMENTS = """\
# made by a tool
boto3>=1.44
orjson==3.13.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via -r requirements.in
jsonschema_rs==0.60.3  # fast
"""


def test_hashes_come_along():
    """A pin is returned with its hashes on one line, as pip understands it."""
    (line,) = pinned_lines(COMPILED_REQUIREMENTS, ["orjson"])

    assert line.split() == ["orjson==3.13.0", "--hash=sha256:aa", "--hash=sha256:bb"]


def test_names_compare_as_the_index_compares_them():
    """Dashes, underscores and case are the same to pip, and here."""
    assert pinned_lines(COMPILED_REQUIREMENTS, ["Jsonschema-RS"]) == ["jsonschema_rs==0.60.3"]


@pytest.mark.parametrize("name", ["boto3", "snowflake-ingest"])
def test_what_is_not_pinned_exactly_is_refused(name):
    """A range or a missing line is an error: the zip would depend on the day it was built."""
    with pytest.raises(NotPinnedError, match=name):
        pinned_lines(COMPILED_REQUIREMENTS, [name])


def test_the_project_pins_what_the_transform_needs():
    """The real requirements.txt holds an exact pin of each compiled package of the transform."""
    root = Path(__file__).parents[3]

    assert len(read_pins(root / "requirements.txt", COMPILED)) == len(COMPILED)
