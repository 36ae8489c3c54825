"""The app: each entry point once, through Chalice, on an emulated AWS."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.test import Client
from moto import mock_aws
from moto.backends import get_backend

import app
from chalicelib import wiring
from chalicelib.adapters.clients import client as aws_client
from chalicelib.adapters.s3_notification import UnreadableMessageError
from chalicelib.core.landing import Pipe
from chalicelib.stages.load import Load
from tests.fakes import ENVIRONMENT, ORDER, FakeIngest, FakeLedger

EVENTS = Path(__file__).parent / "events"
REGION = {"AWS_DEFAULT_REGION": "eu-central-1"}
ONCE_A_PROCESS = (wiring.settings, wiring.registry, wiring.stream, wiring.posting, wiring.load, aws_client)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """Emulate AWS, and wire the app to it; making clients is what takes long here."""
    forget_all()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in (ENVIRONMENT | REGION).items():
            patch.setenv(name, value)
        yield
    forget_all()


def forget_all() -> None:
    """Forget what is made once a process."""
    for part in ONCE_A_PROCESS:
        part.cache_clear()


@pytest.fixture
def client(aws: None) -> Iterator[Client]:
    """Return Chalice's test client; the stream and the dead-letter bucket behind it are new."""
    for backend in ("kinesis", "s3"):
        get_backend(backend).reset()
    with Client(app.app) as chalice:
        boto3.client("kinesis").create_stream(StreamName="stream", ShardCount=1)
        boto3.client("s3").create_bucket(
            Bucket="letters", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield chalice


def lines() -> list[Any]:
    """Return every line on the stream."""
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName="stream")["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName="stream", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return [json.loads(line) for record in records for line in record["Data"].split(b"\n")]


def dead_letters() -> list[str]:
    """Return the key of every object in the dead-letter bucket."""
    return [entry["Key"] for entry in boto3.client("s3").list_objects_v2(Bucket="letters").get("Contents", [])]


def test_post_events(client: Client) -> None:
    """POST /v1/events: one good and one bad event; 207, a line on the stream, a failed event in the bucket."""
    body = json.dumps([{"type": "order.placed", "id": "a", "data": ORDER}, {"type": "order.placed", "data": {}}])
    response = client.http.post("/v1/events", headers=JSON, body=body.encode())
    assert response.status_code == 207
    assert [result["status"] for result in response.json_body["results"]] == ["accepted", "rejected"]
    assert [line["id"] for line in lines()] == ["a"]
    assert len(dead_letters()) == 1


def test_post_data(client: Client) -> None:
    """POST /v1/events/{type}: the body is data; the type in the path is percent-decoded."""
    response = client.http.post("/v1/events/order%2Eplaced", headers=JSON, body=json.dumps(ORDER).encode())
    assert response.status_code == 202
    assert lines()[0]["data"] == ORDER


@pytest.mark.parametrize("event_type", ["..", "%2e%2e%2fsecrets", "Order", "x" * 5_000])
def test_a_bad_type_in_the_path_is_rejected(client: Client, event_type: str) -> None:
    """422 with a bounded message, and the body is kept."""
    response = client.http.post(f"/v1/events/{event_type}", headers=JSON, body=b"{}")
    assert response.status_code == 422
    assert len(response.body) < 2_000
    assert len(dead_letters()) == 1


def test_list_schemas(client: Client) -> None:
    """GET /v1/schemas lists the types."""
    response = client.http.get("/v1/schemas")
    assert response.status_code == 200
    assert "order.placed" in {entry["type"] for entry in response.json_body["schemas"]}


def test_show_type(client: Client) -> None:
    """GET /v1/schemas/{type}, and 404 for an unknown one."""
    assert client.http.get("/v1/schemas/order.placed").json_body["default"] == "1-1-0"
    assert client.http.get("/v1/schemas/..").status_code == 404


def test_show_schema(client: Client) -> None:
    """GET /v1/schemas/{type}/{version}, and 404 for an unknown one."""
    response = client.http.get("/v1/schemas/order.placed/1-0-0")
    assert json.loads(response.body)["$id"] == "sluice:order.placed/1-0-0"
    assert client.http.get("/v1/schemas/order.placed/latest").status_code == 404


def test_show_openapi(client: Client) -> None:
    """GET /v1/openapi.json describes every route of this app, and no other."""
    response = client.http.get("/v1/openapi.json")
    described = json.loads(response.body)
    assert described["openapi"].startswith("3.1")
    methods = {
        (path, method.upper()) for path, item in described["paths"].items() for method in item if method != "parameters"
    }
    assert {(path.replace("{type}", "{event_type}"), method) for path, method in methods} == {
        (path, method) for path, by_method in app.app.routes.items() for method in by_method
    }


def test_health(client: Client) -> None:
    """GET /v1/health: 200 while the stream answers, 503 when it is gone."""
    assert client.http.get("/v1/health").status_code == 200
    boto3.client("kinesis").delete_stream(StreamName="stream")
    assert client.http.get("/v1/health").status_code == 503


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/events"), ("DELETE", "/v1/events/order.placed"), ("POST", "/v1/health"), ("PUT", "/v1/schemas")],
)
def test_a_wrong_method_is_told_in_our_shape(client: Client, method: str, path: str) -> None:
    """405 with Allow, and the error as every error of ours."""
    response = client.http.request(method, path, headers=JSON)
    assert response.status_code == 405
    assert response.headers["Allow"]
    error = json.loads(response.body)["error"]
    assert error.keys() == {"type", "message", "resolution"}
    assert error["type"] == "method_not_allowed"


BAD = {
    "an empty body": (b"", JSON, 400),
    "not JSON": (b"hello", JSON, 400),
    "invalid UTF-8": (b'{"a":"\xff"}', JSON, 400),
    "100,000 brackets": (b"[" * 100_000, JSON, 400),
    "NaN": (b"NaN", JSON, 422),
    "an array with a string": (b'["a"]', JSON, 422),
    "a wrong content type": (b"{}", {"Content-Type": "text/plain"}, 415),
    "too many bytes": (b" " * 4_000_001, JSON, 413),
}


@pytest.mark.parametrize(("body", "headers", "status"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_answered(client: Client, body: bytes, headers: dict[str, str], status: int) -> None:
    """Its status, a JSON body, never a 500 and never a stack trace."""
    response = client.http.post("/v1/events", headers=headers, body=body)
    assert response.status_code == status
    assert response.json_body.keys() & {"error", "results"}
    assert b"Traceback" not in response.body


def test_a_missing_stream_is_a_503(client: Client) -> None:
    """Unavailable, not broken: Retry-After is set."""
    boto3.client("kinesis").delete_stream(StreamName="stream")
    response = client.http.post("/v1/events/order.placed", headers=JSON, body=json.dumps(ORDER).encode())
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_load_submits_what_s3_announced(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQS event of two S3 messages: three files are noted and submitted, the test event is skipped."""
    ledger, ingest = FakeLedger(), FakeIngest()
    monkeypatch.setattr(wiring, "load", lambda: Load([Pipe("P", "events/", "T")], ledger, ingest))
    client.lambda_.invoke("load", json.loads((EVENTS / "sqs-of-s3-notifications.json").read_text()))
    assert [path for _, path in ingest.submitted] == [
        "dt=2026-01-31/hh=12/sluice-1-2026-01-31-12-34-56-abc.gz",
        "a+b c=d%20e.gz",
        "café/日本.gz",
    ]
    assert set(ledger.states.values()) == {"submitted"}


def test_load_submits_the_neighbours_of_what_it_cannot_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that announces nothing raises, so that it is moved aside; the files beside it are submitted first."""
    ledger, ingest = FakeLedger(), FakeIngest()
    monkeypatch.setattr(wiring, "load", lambda: Load([Pipe("P", "events/", "T")], ledger, ingest))
    event = json.loads((EVENTS / "sqs-of-s3-notifications.json").read_text())
    event["Records"].insert(0, {**event["Records"][0], "body": "x"})
    with pytest.raises(UnreadableMessageError):
        client.lambda_.invoke("load", event)
    assert len(ingest.submitted) == 3
