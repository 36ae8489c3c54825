"""Every entry point of the deployed app, in the order an event meets them.

    POST /v1/events ─► post_events ─► Kinesis ─► Firehose + firehose_transform ─► S3 landing
           └─ throttled ─► S3 spill ─► drain ─► Kinesis
    S3 landing ─► SQS ─► load ─► Snowpipe ─► RAW.EVENTS ─► CORE.EVENTS
           └─ compare ─► ledger ◄─ reconcile ◄─ what became of each file

A function here decodes, calls one stage and encodes. What a stage does is in `chalicelib/stages`, what a
post and its answer look like in `chalicelib/api`, and which parts are used in `chalicelib/wiring.py`.
"""

import os
from http import HTTPStatus

from chalice.app import Chalice, CloudWatchEvent, Response, SQSEvent

from chalicelib import wiring
from chalicelib.adapters.s3_notification import announced
from chalicelib.api import catalogue, openapi
from chalicelib.api.answer import Answer
from chalicelib.api.http import current_request, one_error_shape, read_post, respond

app = Chalice(app_name="sluice")
app.register_middleware(one_error_shape, "http")


@app.route("/v1/events", methods=["POST"], content_types=[])
def post_events() -> Response:
    """Take events: one object, an array, NDJSON, CloudEvents structured, batched or binary."""
    request = current_request(app)
    return respond(wiring.posting().post(read_post(request), wiring.work_budget(request.lambda_context)))


@app.route("/v1/events/{event_type}", methods=["POST"], content_types=[])
def post_data(event_type: str) -> Response:
    """Take one event whose body is `data` itself."""
    request = current_request(app)
    post = read_post(request, event_type)
    return respond(wiring.posting().post(post, wiring.work_budget(request.lambda_context)))


@app.route("/v1/schemas", methods=["GET"])
def list_schemas() -> Response:
    """List every event type with its versions."""
    return respond(catalogue.list_types(wiring.registry()))


@app.route("/v1/schemas/{event_type}", methods=["GET"])
def show_type(event_type: str) -> Response:
    """Show one event type's versions."""
    return respond(catalogue.show_type(wiring.registry(), event_type))


@app.route("/v1/schemas/{event_type}/{version}", methods=["GET"])
def show_schema(event_type: str, version: str) -> Response:
    """Show one contract."""
    return respond(catalogue.show_schema(wiring.registry(), event_type, version))


@app.route("/v1/openapi.json", methods=["GET"])
def show_openapi() -> Response:
    """Show the OpenAPI description of all of this."""
    return respond(openapi.show())


@app.route("/v1/health", methods=["GET"])
def health() -> Response:
    """Tell whether events can be taken: 200 when the stream answers, 503 when not."""
    if wiring.stream().is_active():
        return respond(Answer.of(HTTPStatus.OK, {"status": "ok"}))
    return respond(Answer.of(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable"}))


@app.schedule(os.environ.get("SLUICE_DRAIN_RATE", "rate(1 minute)"))
def drain(event: CloudWatchEvent) -> None:
    """Put on the stream what it did not take when it was posted."""
    wiring.log("drain").write(wiring.drain().run(wiring.work_budget(event.context)))


@app.on_sqs_message(
    queue=os.environ.get("SLUICE_LOAD_QUEUE", "sluice-local-load"), batch_size=10, maximum_concurrency=2
)
def load(event: SQSEvent) -> None:
    """Load the files that landed: S3 announces them through the load queue. Raises for what announces none."""
    batch = announced(event)
    wiring.log("load").write(wiring.load().load(batch.files, wiring.work_budget(event.context)))
    batch.check()


@app.schedule(os.environ.get("SLUICE_RECONCILE_RATE", "rate(1 minute)"))
def reconcile(event: CloudWatchEvent) -> None:
    """Find out what became of every file, and submit again what got stuck."""
    wiring.log("reconcile").write(wiring.reconcile().run(wiring.work_budget(event.context)))


@app.schedule(os.environ.get("SLUICE_COMPARE_RATE", "rate(1 hour)"))
def compare(event: CloudWatchEvent) -> None:
    """Find the files that landed and that nobody announced."""
    wiring.log("compare").write(wiring.compare().run(wiring.work_budget(event.context)))
