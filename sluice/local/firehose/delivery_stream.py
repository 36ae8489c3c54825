"""What a delivery stream is: a frozen description, parsed from its CloudFormation properties.

Whatever the properties ask for and this engine doesn't do is refused here, at the start, by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sluice.local.firehose.buffers import Hints
from sluice.local.firehose.prefixes import Prefix, parse_error_prefix, parse_prefix
from sluice.local.template import NotDeployed

Properties: TypeAlias = Mapping[str, Any]

_MIB = 2**20
DEFAULT_BUFFER_MIB, DEFAULT_BUFFER_S = 5, 300
"""Source: Firehose API reference, BufferingHints."""
DEFAULT_TRANSFORM_BUFFER_MIB, DEFAULT_TRANSFORM_BUFFER_S, DEFAULT_RETRIES = 1, 60, 3
"""Source: Firehose developer guide, "Amazon Data Firehose data transformation"."""


class DeliveryStreamError(ValueError):
    """The properties lack something, or ask for something this engine doesn't do."""


@dataclass(frozen=True, slots=True)
class TransformSettings:
    """How records are handed to the transform Lambda."""

    function_arn: str
    retries: int
    hints: Hints


@dataclass(frozen=True, slots=True)
class DeliveryStream:
    """A delivery stream from one Kinesis stream to one S3 bucket."""

    name: str
    arn: str
    source_arn: str
    bucket: str
    prefix: Prefix
    error_prefix: Prefix
    hints: Hints
    gzip: bool
    file_extension: str
    transform: TransformSettings | None
    version: int = 1
    """AWS raises it with each UpdateDestination; a local one is made once."""

    @property
    def region(self) -> str:
        """Return the region of the delivery stream."""
        return self.arn.split(":")[3]


def parse_delivery_stream(properties: Properties, arn: str) -> DeliveryStream:
    """Read the resolved properties of an `AWS::KinesisFirehose::DeliveryStream`.

    Raise `DeliveryStreamError` or `PrefixError` for what is missing or not supported.
    """
    destination = _required(properties, "ExtendedS3DestinationConfiguration")
    _refuse_unsupported(destination)
    gzip = destination.get("CompressionFormat", "UNCOMPRESSED") == "GZIP"
    prefix = parse_prefix(destination.get("Prefix", ""))
    return DeliveryStream(
        name=arn.rpartition("/")[2],
        arn=arn,
        source_arn=_text(_required(_required(properties, "KinesisStreamSourceConfiguration"), "KinesisStreamARN")),
        bucket=_text(_required(destination, "BucketARN")).rpartition(":")[2],
        prefix=prefix,
        error_prefix=parse_error_prefix(destination.get("ErrorOutputPrefix", "")),
        hints=_hints(destination.get("BufferingHints", {})),
        gzip=gzip,
        file_extension=destination.get("FileExtension", ".gz" if gzip else ""),
        transform=_transform(destination.get("ProcessingConfiguration", {})),
    )


def _refuse_unsupported(destination: Properties) -> None:
    wishes = {
        "CompressionFormat": destination.get("CompressionFormat") not in {None, "GZIP", "UNCOMPRESSED"},
        "CustomTimeZone": destination.get("CustomTimeZone") not in {None, "UTC"},
        "S3BackupMode": destination.get("S3BackupMode") not in {None, "Disabled"},
        "DynamicPartitioningConfiguration": _is_enabled(destination.get("DynamicPartitioningConfiguration", {})),
        "DataFormatConversionConfiguration": _is_enabled(destination.get("DataFormatConversionConfiguration", {})),
    }
    if unsupported := [name for name, wished in wishes.items() if wished]:
        raise DeliveryStreamError(f"{unsupported[0]} {destination[unsupported[0]]!r} is not supported locally")


def _hints(hints: Properties) -> Hints:
    return Hints(
        max_bytes=int(hints.get("SizeInMBs", DEFAULT_BUFFER_MIB)) * _MIB,
        interval_s=float(hints.get("IntervalInSeconds", DEFAULT_BUFFER_S)),
    )


def _transform(configuration: Properties) -> TransformSettings | None:
    """Read the processing configuration; left out or not enabled, records pass untransformed, as on AWS."""
    if not _is_enabled(configuration):
        return None
    processors = configuration.get("Processors", [])
    if [processor.get("Type") for processor in processors] != ["Lambda"]:
        raise DeliveryStreamError("exactly one processor, of type Lambda, is supported locally")
    parameters = {
        parameter["ParameterName"]: parameter["ParameterValue"] for parameter in processors[0].get("Parameters", [])
    }
    return TransformSettings(
        function_arn=_text(_required(parameters, "LambdaArn")),
        retries=int(parameters.get("NumberOfRetries", DEFAULT_RETRIES)),
        hints=Hints(
            max_bytes=int(float(parameters.get("BufferSizeInMBs", DEFAULT_TRANSFORM_BUFFER_MIB)) * _MIB),
            interval_s=float(parameters.get("BufferIntervalInSeconds", DEFAULT_TRANSFORM_BUFFER_S)),
        ),
    )


def _is_enabled(configuration: Properties) -> bool:
    return str(configuration.get("Enabled", False)).lower() == "true"


def _required(properties: Properties, name: str) -> Any:
    if name not in properties:
        raise DeliveryStreamError(f"the delivery stream has no {name}")
    return properties[name]


def _text(value: Any) -> str:
    if isinstance(value, NotDeployed):
        raise DeliveryStreamError(f"{value.path} needs {value.logical_id}, which the stack does not hold")
    return str(value)
