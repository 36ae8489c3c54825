"""Which tokens the REST calls take."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standin_process import ACCOUNT, USER, KeyPair, new_key_pair

from sluice.local.snowflake.jwt_check import RefusedTokenError, TokenCheck


def token(keys: KeyPair, check: TokenCheck, **changes: Any) -> str:
    """Give the header of a good token, or of one with these changes; None leaves a claim out."""
    now = datetime.now(UTC)
    claims = {"iss": check.issuer, "sub": check.subject, "iat": now, "exp": now + timedelta(minutes=59)} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return "Bearer " + jwt.encode(claims, keys.private, algorithm="RS256")


@pytest.fixture(scope="module")
def check(keys: KeyPair) -> TokenCheck:
    """Give the check for the loader."""
    return TokenCheck.for_user(ACCOUNT, USER, keys.public.encode())


def test_a_good_token_passes(keys: KeyPair, check: TokenCheck) -> None:
    """Account and user count in upper case."""
    assert check.subject == "SLUICE-LOCAL.SLUICE_LOADER"
    check.verify(token(keys, check))


def test_bad_tokens_are_refused(keys: KeyPair, check: TokenCheck) -> None:
    """Missing, expired, too long, foreign, unsigned or signed with another key: refused."""
    now = datetime.now(UTC)
    bad = [
        None,
        "Basic x",
        "Bearer ",
        "Bearer x.y.z",
        token(new_key_pair(), check),
        token(keys, check, sub="SLUICE-LOCAL.OTHER"),
        token(keys, check, iss="SLUICE-LOCAL.SLUICE_LOADER.SHA256:x"),
        token(keys, check, exp=now - timedelta(minutes=5), iat=now - timedelta(minutes=10)),
        token(keys, check, exp=now + timedelta(hours=2)),
        token(keys, check, exp=None),
        token(keys, check, sub=None),
        "Bearer " + jwt.encode({"iss": check.issuer, "sub": check.subject}, "", algorithm="none"),
    ]
    for header in bad:
        with pytest.raises(RefusedTokenError):
            check.verify(header)


def test_only_rsa_keys_are_taken() -> None:
    """Snowflake's key pairs are RSA."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(TypeError):
        TokenCheck.for_user("a", "u", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
