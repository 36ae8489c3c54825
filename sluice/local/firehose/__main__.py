"""Start the engine: read the delivery stream from the template, assemble the parts, run until stopped."""

import argparse
import json
import random
import signal
import string
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, NoReturn
from uuid import uuid4

from sluice.local.firehose import aws
from sluice.local.firehose.checkpoints import Checkpoints, CheckpointsError
from sluice.local.firehose.delivery import Names
from sluice.local.firehose.delivery_stream import DeliveryStream, parse_delivery_stream
from sluice.local.firehose.engine import Engine, Parts, run
from sluice.local.firehose.ports import UnreachableError
from sluice.local.firehose.records import Record, Settled
from sluice.local.firehose.shards import ShardReader
from sluice.local.firehose.transform import Transform, pass_through
from sluice.local.template import Resource, Stack, load_template, only_resource, resource_properties

DELIVERY_STREAM_TYPE = "AWS::KinesisFirehose::DeliveryStream"
PATIENCE_S = 15.0
"""How long the engine waits at its start for the stack to be there."""
GRACE_S = 2.0
"""How long a stop may take. Whatever is not delivered by then stays in the stream, and is read again."""
_RANDOM_STRING_CHARACTERS = 11
_START_ERRORS = (
    OSError,
    ValueError,  # of the template, the prefixes, the delivery stream, the parameters' JSON
    CheckpointsError,
    UnreachableError,
)


def main() -> None:
    """Run one delivery stream."""
    options, stopping = _options(), _stop_on_signals()
    try:
        stack = _with_overrides(_deployed_stack(options.stack, stopping), options.parameters)
        stream = _delivery_stream(load_template(options.template), stack)
        engine = _assemble(stream, Checkpoints(options.checkpoint, stream.source_arn))
    except _START_ERRORS as error:
        sys.exit(f"firehose engine: {error}")
    _announce(stream)
    run(engine, stopping, log)
    _flush(engine)


def log(event: str, **fields: object) -> None:
    """Write one line of JSON to standard output."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "INFO",
        "event": event,
        **fields,
    }
    print(json.dumps(line), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sluice.local.firehose", description=__doc__)
    parser.add_argument("--template", type=Path, required=True, help="the CloudFormation template")
    parser.add_argument(
        "--stack", required=True, help="the stack it was deployed as, with the delivery stream left out"
    )
    parser.add_argument("--parameters", type=Path, help="a JSON object that overrides the stack's parameters")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the SQLite file the engine keeps its place in")
    return parser.parse_args()


def _deployed_stack(name: str, stopping: Event) -> Stack:
    """Return the stack, waiting a while for an emulator that is still starting."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return aws.deployed_stack(name)
        except UnreachableError as error:
            if time.monotonic() > deadline_s:
                raise
            log("waiting", level="WARN", problem=str(error))
        if stopping.wait(1.0):
            sys.exit(0)


def _with_overrides(stack: Stack, parameters: Path | None) -> Stack:
    if parameters is None:
        return stack
    return replace(stack, parameters={**stack.parameters, **json.loads(parameters.read_bytes())})


def _delivery_stream(template: Mapping[str, Any], stack: Stack) -> DeliveryStream:
    """Read the delivery stream as CloudFormation would have made it."""
    logical_id = only_resource(template, DELIVERY_STREAM_TYPE)
    properties = resource_properties(template, logical_id, stack)
    name = properties.get("DeliveryStreamName", logical_id)
    return parse_delivery_stream(properties, stack.arn(Resource(DELIVERY_STREAM_TYPE, name)))


def _announce(stream: DeliveryStream) -> None:
    log(
        "started",
        delivery_stream=stream.name,
        source=stream.source_arn,
        bucket=stream.bucket,
        prefix=stream.prefix.source,
        error_prefix=stream.error_prefix.source,
        gzip=stream.gzip,
        buffer_bytes=stream.hints.max_bytes,
        buffer_s=stream.hints.interval_s,
        transform=stream.transform.function_arn if stream.transform else None,
        transform_buffer_bytes=stream.transform.hints.max_bytes if stream.transform else None,
        transform_buffer_s=stream.transform.hints.interval_s if stream.transform else None,
        transform_retries=stream.transform.retries if stream.transform else None,
    )


def _assemble(stream: DeliveryStream, checkpoints: Checkpoints) -> Engine:
    source = aws.source(stream.source_arn.rpartition("/")[2], log)
    parts = Parts(
        reader=ShardReader(source, checkpoints.positions(), time.monotonic),
        settle=_settle(stream),
        outbox=checkpoints,
        destination=aws.destination(stream.bucket, gzip=stream.gzip),
        names=Names(uuid=lambda: str(uuid4()), random_string=_random_string),
        monotonic_s=time.monotonic,
        log=log,
    )
    return Engine(stream, parts)


def _settle(stream: DeliveryStream) -> Callable[[Sequence[Record]], tuple[Settled, ...]]:
    if stream.transform is None:
        return pass_through
    function = aws.function(stream.transform.function_arn)
    return Transform(function, stream, stream.transform, now=lambda: datetime.now(UTC), sleep=time.sleep).settle


def _random_string() -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=_RANDOM_STRING_CHARACTERS))  # noqa: S311


def _stop_on_signals() -> Event:
    """Return what SIGTERM and Ctrl-C set; `GRACE_S` later the process ends wherever it is: no harm done."""
    stopping = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        stopping.set()

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(0)

    signal.signal(signal.SIGALRM, leave)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _flush(engine: Engine) -> None:
    try:
        engine.flush()
    except UnreachableError as error:
        log("stopped", level="WARN", problem=f"{error}; what is left stays in the stream")
    else:
        log("stopped")


if __name__ == "__main__":
    main()
