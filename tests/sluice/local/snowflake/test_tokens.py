"""Words of a statement, found where they are words."""

from sluice.local.snowflake.tokens import first_word, text_from


def test_parts_of_a_text() -> None:
    """The first word skips comments; a phrase is not found inside a string."""
    assert first_word("/* x */ -- y\n merge INTO t") == "MERGE"
    assert first_word("") == ""
    assert text_from("CREATE PIPE p COMMENT = 'copy into x' AS COPY INTO t", "COPY INTO") == "COPY INTO t"
    assert text_from("SELECT 1", "COPY INTO") is None
