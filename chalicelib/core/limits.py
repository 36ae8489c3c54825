"""Every number that bounds an event, a batch or an answer, each with the document it came from.

A number that two modules need belongs here; a number that only one function knows does not.
"""

MAX_BODY_BYTES = 4_000_000
"""A request's body, before and after gunzip. Lambda takes 6 MB, and escaping a body of small events
into the Lambda event grows it by a third. Source: DESIGN §3.1, AWS Lambda quotas."""

MAX_EVENTS = 5_000
"""Events a request. Source: DESIGN §3.1."""

MAX_EVENT_BYTES = 256 * 1024
"""One event as a line, enrichment included. Source: DESIGN §3.1."""

MAX_DEPTH = 64
"""Nested objects and arrays of an event, the event itself counted. Source: DESIGN §3.2."""

MAX_INTEGER_DIGITS = 38
"""Digits an integer keeps. Source: Snowflake's NUMBER(38, 0)."""

MAX_TYPE_CHARACTERS = 128
MAX_TEXT_CHARACTERS = 512
"""`id`, `source` and `subject`. Source: DESIGN §3.1."""

MAX_IDEMPOTENCY_KEY_CHARACTERS = 255
"""As long as the header's draft standard's examples and every known service allow."""

MAX_ANSWER_BYTES = 1_000_000
"""The answer to a post. Lambda's own ceiling is 6 MB. Source: DESIGN §3.2."""

MAX_DETAILS = 10
MAX_MESSAGE_CHARACTERS = 300
"""An error's details, and each of its messages. Source: DESIGN §3.2."""

MAX_INLINE_PAYLOAD_BYTES = 1024 * 1024
"""A failed event's payload inside its line; a larger one is an object of its own. Source: DESIGN §3.3."""

MAX_RECORD_BYTES = 25_000
"""Lines packed into one Kinesis record: one PUT payload unit. Source: Kinesis pricing (25 KB)."""

MAX_PARTITION_KEY_CHARACTERS = 256
"""Source: Kinesis PutRecords, `PartitionKey`."""

MAX_RECORDS_PER_PUT = 500
"""Source: Kinesis PutRecords, `Records`."""

MAX_BYTES_PER_PUT = 4_500_000
"""One PutRecords call, partition keys included. AWS documents 10 MiB, and 5 MiB in older texts:
this is right under both."""

MAX_TRANSFORM_ANSWER_BYTES = 6_000_000
"""The transform's answer to Firehose; Lambda refuses 6,291,556 bytes. Source: AWS Lambda quotas."""

MAX_FILES_PER_INGEST = 5_000
"""Files a call. Source: Snowpipe REST API, insertFiles."""

MAX_ITEMS_PER_WRITE = 100
"""Items written together. Source: DynamoDB TransactWriteItems, `TransactItems`."""

MAX_KEY_BYTES = 1_024
"""An object's key in UTF-8, and a path handed to Snowpipe. Source: Amazon S3, object keys; Snowpipe REST API."""
