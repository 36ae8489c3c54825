"""The key pair of the local Snowpipe user: made once a state folder, used as production uses its own."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_KEY_BITS = 2048
"""Snowflake's minimum. Source: Snowflake, key-pair authentication."""


def make_key_pair(private_key: Path, public_key: Path) -> str:
    """Write a key pair unless it is there; return the private key as PEM."""
    if not private_key.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        public_key.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        unfinished = private_key.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        unfinished.replace(private_key)
    return private_key.read_text()
