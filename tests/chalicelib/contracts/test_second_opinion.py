"""A second opinion: Python jsonschema says the same as jsonschema-rs about every sample there is."""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.registry import SCHEMAS, Registry

CONTRACTS = list(Registry().all())
DATA = Path(__file__).parents[2] / "data"


def second_opinion(contract: Contract) -> jsonschema.Draft202012Validator:
    """Return Python jsonschema's validator of a contract, with formats asserted."""
    kind = jsonschema.validators.validator_for(contract.schema, default=None)
    assert kind in {jsonschema.Draft202012Validator, jsonschema.Draft7Validator}, "a contract names its dialect"
    return kind(contract.schema, format_checker=kind.FORMAT_CHECKER)


def examples(contract: Contract) -> dict[str, list[Any]]:
    """Return a contract's examples, valid and invalid."""
    path = SCHEMAS / contract.type / f"{contract.version}.examples.json"
    return dict(json.loads(path.read_text()))


every_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=[contract.uri for contract in CONTRACTS])


@every_contract
def test_every_schema_is_valid_itself(contract: Contract) -> None:
    """The second validator takes the schema for one."""
    second_opinion(contract).check_schema(contract.schema)


@every_contract
def test_examples_get_their_verdict_twice(contract: Contract) -> None:
    """What is called valid is valid, what is called invalid is not, to both validators."""
    second = second_opinion(contract)
    told = examples(contract)
    assert told["valid"]
    assert told["invalid"]
    assert [contract.judge(data) for data in told["valid"]] == [None] * len(told["valid"])
    assert [data for data in told["valid"] if not second.is_valid(data)] == []
    assert [data for data in told["invalid"] if contract.judge(data) is None] == []
    assert [data for data in told["invalid"] if second.is_valid(data)] == []


def broken(data: Any) -> list[Any]:
    """Return copies of an object, each with one member left out or of another kind."""
    without = [{name: value for name, value in data.items() if name != left_out} for left_out in data]
    twisted = [{**data, name: other} for name in data for other in (None, [], {}, "", -1, 1.5, True, "x" * 300, 2**70)]
    return [*without, *twisted]


@every_contract
def test_broken_examples_get_one_verdict(contract: Contract) -> None:
    """Whatever is twisted in an example, both validators agree."""
    second = second_opinion(contract)
    samples = [sample for data in examples(contract)["valid"] for sample in broken(data)]
    assert [data for data in samples if (contract.judge(data) is None) != second.is_valid(data)] == []


def test_every_real_earthquake_is_valid() -> None:
    """All 1,707 events of one week in 2018 meet their contract; the slow second validator is asked about each fifth."""
    contract = Registry().find("earthquake.reported", None)
    assert isinstance(contract, Contract)
    second = second_opinion(contract)
    features = json.loads(gzip.decompress((DATA / "usgs-earthquakes.json.gz").read_bytes()))["features"]
    assert len(features) == 1_707
    assert [feature["id"] for feature in features if contract.judge(feature)] == []
    assert [feature["id"] for feature in features[::5] if not second.is_valid(feature)] == []
