"""Settings: what the environment must hold, and what it may leave out."""

import pytest

from chalicelib.api.posting import Token
from chalicelib.settings import Settings
from chalicelib.stages.reconcile import ReconcileTimes
from tests.fakes import ENVIRONMENT


def test_what_must_be_there_is_enough() -> None:
    """Production needs no host, port, protocol, token or log file."""
    settings = Settings.from_environment(ENVIRONMENT)
    assert (settings.stream, settings.tokens, settings.request_log) == ("stream", (), None)
    assert (settings.snowflake.host, settings.snowflake.port, settings.snowflake.protocol) == (None, 443, "https")


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_is_missing_is_named(name: str) -> None:
    """A KeyError tells which variable to set."""
    with pytest.raises(KeyError, match=name):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_an_empty_variable_counts_as_left_out() -> None:
    """CloudFormation hands over empty strings for what is not set."""
    optional = (
        "SLUICE_TOKENS",
        "SLUICE_REQUEST_LOG",
        "SLUICE_SPILL",
        "SLUICE_RELOAD_AFTER_S",
        "SNOWFLAKE_HOST",
        "SNOWFLAKE_PORT",
        "SNOWFLAKE_PROTOCOL",
        "SNOWFLAKE_WAREHOUSE",
    )
    assert Settings.from_environment(ENVIRONMENT | dict.fromkeys(optional, "")) == Settings.from_environment(
        ENVIRONMENT
    )


def test_the_local_run_names_its_stand_in() -> None:
    """Host, port and protocol are taken as they are."""
    local = ENVIRONMENT | {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "8085", "SNOWFLAKE_PROTOCOL": "http"}
    snowflake = Settings.from_environment(local).snowflake
    assert (snowflake.host, snowflake.port, snowflake.protocol) == ("127.0.0.1", 8085, "http")


def test_the_spill_is_on_unless_switched_off() -> None:
    """Any other word is refused: a misspelt one must not decide about events."""
    assert Settings.from_environment(ENVIRONMENT).spill
    assert not Settings.from_environment(ENVIRONMENT | {"SLUICE_SPILL": "off"}).spill
    with pytest.raises(ValueError, match="SLUICE_SPILL is on or off, not no"):
        Settings.from_environment(ENVIRONMENT | {"SLUICE_SPILL": "no"})


def test_times_that_are_given_replace_the_defaults() -> None:
    """Each is a variable of its own, in seconds."""
    times = Settings.from_environment(ENVIRONMENT | {"SLUICE_RELOAD_AFTER_S": "15"}).times
    assert times == ReconcileTimes(reload_after_s=15)


def test_tokens_are_read() -> None:
    """A name, a fingerprint, and the types it may send: all, some, or none."""
    text = '{"a":{"sha256":"00"},"b":{"sha256":"11","types":["order.placed"]},"c":{"sha256":"22","types":[]}}'
    assert Settings.from_environment(ENVIRONMENT | {"SLUICE_TOKENS": text}).tokens == (
        Token("a", "00"),
        Token("b", "11", frozenset({"order.placed"})),
        Token("c", "22", frozenset()),
    )
