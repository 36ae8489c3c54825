"""Settings: the environment, read once and frozen. The only module that looks at environment variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from chalicelib.adapters.snowpipe import SnowflakeAccount
from chalicelib.api.posting import Token
from chalicelib.stages.reconcile import ReconcileTimes


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the deployed functions are told. Names come from the infra stack's outputs."""

    deploy_stage: str
    stream: str
    dead_letter_bucket: str
    landing_bucket: str
    ledger_table: str
    alert_topic: str
    spill: bool
    times: ReconcileTimes
    tokens: tuple[Token, ...]
    request_log: str | None
    snowflake: SnowflakeAccount

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read `SLUICE_*` and `SNOWFLAKE_*`. Raises KeyError naming the first that is missing."""
        return cls(
            deploy_stage=environment["SLUICE_DEPLOY_STAGE"],
            stream=environment["SLUICE_STREAM"],
            dead_letter_bucket=environment["SLUICE_DEAD_LETTER_BUCKET"],
            landing_bucket=environment["SLUICE_LANDING_BUCKET"],
            ledger_table=environment["SLUICE_LEDGER_TABLE"],
            alert_topic=environment["SLUICE_ALERT_TOPIC"],
            spill=_switch(environment, "SLUICE_SPILL"),
            times=_times(environment),
            tokens=_tokens(environment.get("SLUICE_TOKENS") or "{}"),
            request_log=environment.get("SLUICE_REQUEST_LOG") or None,
            snowflake=_snowflake(environment),
        )


def _snowflake(environment: Mapping[str, str]) -> SnowflakeAccount:
    return SnowflakeAccount(
        account=environment["SNOWFLAKE_ACCOUNT"],
        user=environment["SNOWFLAKE_USER"],
        database=environment["SNOWFLAKE_DATABASE"],
        host=environment.get("SNOWFLAKE_HOST") or None,
        port=int(environment.get("SNOWFLAKE_PORT") or 443),
        protocol=environment.get("SNOWFLAKE_PROTOCOL") or "https",
        warehouse=environment.get("SNOWFLAKE_WAREHOUSE") or None,
        key_secret=environment["SNOWFLAKE_KEY_SECRET"],
    )


def _switch(environment: Mapping[str, str], name: str) -> bool:
    """Read `on` or `off`; on when it is not given. Raises ValueError for another word."""
    word = environment.get(name) or "on"
    if word not in {"on", "off"}:
        raise ValueError(f"{name} is on or off, not {word}")
    return word == "on"


def _times(environment: Mapping[str, str]) -> ReconcileTimes:
    """Read how patient reconcile and compare are: `SLUICE_<FIELD>` in seconds, each with a default."""
    given = {field.name: environment.get(f"SLUICE_{field.name.upper()}") for field in fields(ReconcileTimes)}
    return ReconcileTimes(**{name: float(text) for name, text in given.items() if text})


def _tokens(text: str) -> tuple[Token, ...]:
    """Read `{"<name>": {"sha256": "<hex>", "types": ["<type>", …]}}`; without types a token may send all."""
    return tuple(
        Token(name, entry["sha256"], frozenset(entry["types"]) if "types" in entry else None)
        for name, entry in json.loads(text).items()
    )
