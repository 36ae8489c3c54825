"""Verifies the key-pair token of a Snowpipe REST call or a login, as Snowflake does. No HTTP in here."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

# Source: "Using key-pair authentication", a token is valid for at most one hour after it was issued.
_LONGEST_LIFETIME = timedelta(hours=1)
_CLOCK_SKEW = timedelta(seconds=60)


class RefusedTokenError(Exception):
    """The token is missing, forged, expired or another user's."""


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Knows the one user's public key and what that user's tokens must say."""

    key: RSAPublicKey
    issuer: str
    subject: str

    @classmethod
    def for_user(cls, account: str, user: str, public_pem: bytes) -> Self:
        """Prepare the check for `account.user`; the PEM must hold an RSA public key."""
        key = load_pem_public_key(public_pem)
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the public key is not an RSA key")
        subject = f"{account}.{user}".upper()
        return cls(key, f"{subject}.{fingerprint(key)}", subject)

    def verify(self, authorization: str | None) -> None:
        """Raise RefusedTokenError unless the Authorization header holds a good token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RefusedTokenError("no bearer token")
        self.verify_token(token)

    def verify_token(self, token: str) -> None:
        """Raise RefusedTokenError unless this is a good token of the one user."""
        claims = self._claims(token)
        if claims["sub"] != self.subject:
            raise RefusedTokenError(f"the subject is not {self.subject}")
        if int(claims["exp"]) - int(claims["iat"]) > (_LONGEST_LIFETIME + _CLOCK_SKEW).total_seconds():
            raise RefusedTokenError("the token is valid for more than an hour")

    def _claims(self, token: str) -> dict[str, int | str]:
        try:
            return jwt.decode(
                token,
                self.key,
                algorithms=["RS256"],
                issuer=self.issuer,
                leeway=_CLOCK_SKEW,
                options={"require": ["iss", "sub", "iat", "exp"]},
            )
        except jwt.InvalidTokenError as error:
            raise RefusedTokenError(str(error)) from None


def fingerprint(key: RSAPublicKey) -> str:
    """Give `SHA256:<base64>` of the key, as DESC USER shows it in RSA_PUBLIC_KEY_FP."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
