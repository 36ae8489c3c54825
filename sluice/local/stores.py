"""The stores of a local run: where events, files, failed events and rows lie. Read-only."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from sluice.deploy.stack import stack_outputs
from sluice.local.layout import Layout
from sluice.local.run_file import Run
from sluice.local.stack import INFRA_STACK, clients
from sluice.local.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Stores:
    """How to reach every store; `landed_cache` remembers the number of lines of files, which never change."""

    request_log: Path
    landed_cache: Path
    kinesis: Any
    stream: str
    s3: Any
    landing_bucket: str
    dead_letter_bucket: str
    warehouse: Warehouse

    @classmethod
    def of(cls, layout: Layout, run: Run) -> Self:
        """Return the stores of a run, as its infra stack names them."""
        client = clients(run.ports.aws)
        outputs = stack_outputs(client("cloudformation"), INFRA_STACK)
        return cls(
            request_log=layout.request_log,
            landed_cache=layout.state / "landed.json",
            kinesis=client("kinesis"),
            stream=outputs["StreamName"],
            s3=client("s3"),
            landing_bucket=outputs["LandingBucket"],
            dead_letter_bucket=outputs["DeadLetterBucket"],
            warehouse=Warehouse.of(run.ports),
        )

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield the request log's entries: `receipt offered accepted rejected unavailable` and more."""
        if self.request_log.exists():
            with self.request_log.open("rb") as log:
                yield from map(orjson.loads, log)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys of a bucket under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return (entry["Key"] for page in pages for entry in page.get("Contents", []))

    def lines(self, bucket: str, key: str) -> list[bytes]:
        """Return the lines of a gzip object, without their newlines."""
        body = gzip.decompress(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return [line for line in body.split(b"\n") if line]
