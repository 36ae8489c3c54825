"""Fixtures of the tool's tests: an object server, a key pair, and the real Snowflake stand-in as a process."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_server import ObjectServer
from standin_process import REPOSITORY, VARIABLES, KeyPair, StandInProcess, new_key_pair

from sluice.deploy import migrations


def pytest_unconfigure() -> None:
    """Let the interpreter end quietly: Hypothesis's callback outlives DuckDB, which then reports leaks."""
    gc.callbacks.clear()


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    """Give the loader's key pair."""
    return new_key_pair()


@pytest.fixture
def objects() -> Iterator[ObjectServer]:
    """Give an S3 that serves what a test puts there."""
    with ObjectServer() as server:
        yield server


@pytest.fixture
def standin(tmp_path: Path, keys: KeyPair, objects: ObjectServer) -> Iterator[StandInProcess]:
    """Give a running stand-in with the project's own SQL applied."""
    standin = StandInProcess(tmp_path, keys, objects)
    standin.start()
    with standin.connect() as connection:
        migrations.apply(connection, REPOSITORY / "snowflake", VARIABLES)
    yield standin
    assert standin.process
    if standin.process.poll() is None:
        standin.kill()
