"""Settings: the environment, read once and frozen. The only module that looks at environment variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chalicelib.adapters.snowpipe import SnowflakeAccount
from chalicelib.api.posting import Token


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the deployed functions are told. Names come from the infra stack's outputs."""

    deploy_stage: str
    stream: str
    dead_letter_bucket: str
    ledger_table: str
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
            ledger_table=environment["SLUICE_LEDGER_TABLE"],
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
        key_secret=environment["SNOWFLAKE_KEY_SECRET"],
    )


def _tokens(text: str) -> tuple[Token, ...]:
    """Read `{"<name>": {"sha256": "<hex>", "types": ["<type>", …]}}`; without types a token may send all."""
    return tuple(
        Token(name, entry["sha256"], frozenset(entry["types"]) if "types" in entry else None)
        for name, entry in json.loads(text).items()
    )
