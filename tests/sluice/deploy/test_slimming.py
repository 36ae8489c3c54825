"""The slimmed layer knows every AWS service that the app calls."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sluice.deploy.slimming import CALLED_SERVICES, slim

ROOT = Path(__file__).parents[3]
SITE = "python/lib/python3.13/site-packages"


def clients_made() -> Iterator[str]:
    """Yield the first argument of every call `client("…")` in the deployed app."""
    for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in {"client", "resource"} and node.args:
                argument = node.args[0]
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_client_the_app_makes_is_still_described():
    """A service missing from the list would fail in Lambda alone, at its first call."""
    made = set(clients_made())

    assert {"kinesis", "s3", "dynamodb", "secretsmanager"} <= made
    assert made <= CALLED_SERVICES


def test_only_descriptions_of_other_services_go():
    """Code, shared data and the services called stay; each other service's folder goes."""
    files = {
        f"{SITE}/botocore/client.py": b"",
        f"{SITE}/botocore/data/endpoints.json": b"",
        f"{SITE}/botocore/data/s3/2006-03-01/service-2.json.gz": b"",
        f"{SITE}/boto3/data/s3/2006-03-01/resources-1.json": b"",
        f"{SITE}/snowflake/connector/data/ec2/x.json": b"",
    }
    unused = {
        f"{SITE}/botocore/data/ec2/2016-11-15/service-2.json.gz": b"",
        f"{SITE}/boto3/data/ec2/2016-11-15/resources-1.json": b"",
    }

    assert slim(files | unused) == files
