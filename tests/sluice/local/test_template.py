"""The template reader: short tags, references into a deployed stack, and clear words where it can't go on."""

from pathlib import Path
from typing import Any

import pytest

from sluice.local.firehose.buffers import Hints
from sluice.local.firehose.delivery_stream import DeliveryStreamError, parse_delivery_stream
from sluice.local.template import (
    NotDeployed,
    Resource,
    Stack,
    TemplateError,
    load_template,
    only_resource,
    resource_properties,
)

PRODUCTION = Path(__file__).parents[3] / "infra/template.yaml"
DELIVERY_STREAM = "AWS::KinesisFirehose::DeliveryStream"
ARN = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/sluice-local-events"
STACK = Stack(
    stack_id="arn:aws:cloudformation:eu-west-1:123456789012:stack/sluice-local-infra/0a1b",
    parameters={"Stage": "local", "Wide": "true", "Names": "a, b"},
    resources={
        "EventStream": Resource("AWS::Kinesis::Stream", "sluice-local-events"),
        "LandingBucket": Resource("AWS::S3::Bucket", "landing"),
        "TransformFunction": Resource("AWS::Lambda::Function", "transform"),
        "Table": Resource("AWS::DynamoDB::Table", "ledger"),
    },
)


def resolve(tmp_path: Path, value: str, stack: Stack = STACK) -> Any:
    """Resolve one property of a small template."""
    path = tmp_path / "template.yaml"
    path.write_text(f"""
Parameters:
  Stage: {{Type: String}}
  Wide: {{Type: String, Default: "false"}}
  Size: {{Type: Number, Default: 5}}
  Names: {{Type: CommaDelimitedList}}
Conditions:
  IsWide: !Equals [!Ref Wide, "true"]
  IsNarrow: !Not [!Condition IsWide]
  Either: !Or [!Condition IsWide, !Condition IsNarrow]
  Both: !And [!Condition IsWide, !Condition IsNarrow]
Resources:
  Role: {{Type: AWS::IAM::Role}}
  Table: {{Type: AWS::DynamoDB::Table}}
  Thing:
    Type: AWS::Thing
    Properties:
      Value: {value}
""")
    return resource_properties(load_template(path), "Thing", stack).get("Value", "left out")


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("!Ref Stage", "local"),
        ("!Ref Size", 5),
        ("!Ref Names", ["a", "b"]),
        ("!Ref EventStream", "sluice-local-events"),
        ("!Ref AWS::Region", "eu-west-1"),
        ("{Ref: AWS::AccountId}", "123456789012"),
        ("!GetAtt EventStream.Arn", "arn:aws:kinesis:eu-west-1:123456789012:stream/sluice-local-events"),
        ("{Fn::GetAtt: [LandingBucket, Arn]}", "arn:aws:s3:::landing"),
        ("!Sub 'x-${Stage}-${AWS::StackName}-${!Literal}'", "x-local-sluice-local-infra-${Literal}"),
        ("!Sub ['${a}/${LandingBucket.Arn}', {a: !Ref Stage}]", "local/arn:aws:s3:::landing"),
        ("!Sub 'dt=!{timestamp:yyyy}/'", "dt=!{timestamp:yyyy}/"),
        ("!If [IsWide, !Ref Size, 1]", 5),
        ("!If [IsNarrow, 1, {deep: [!Ref Stage, !Ref AWS::NoValue]}]", {"deep": ["local"]}),
        ("!If [Either, 1, 2]", 1),
        ("!If [Both, 1, 2]", 2),
        ("!If [IsNarrow, 1, !Ref AWS::NoValue]", "left out"),
        ("!Join ['-', [a, !Ref Stage, !Ref Size]]", "a-local-5"),
        ("!Join [',', !Ref Names]", "a,b"),
        ("plain", "plain"),
    ],
)
def test_intrinsics(tmp_path: Path, value: str, resolved: object) -> None:
    """Each intrinsic resolves to what CloudFormation would have deployed."""
    assert resolve(tmp_path, value) == resolved


@pytest.mark.parametrize("value", ["!Ref Role", "!GetAtt Role.Arn", "!Sub 'x/${Role.Arn}'", "!Join [x, [!Ref Role]]"])
def test_left_out_resources_are_marked(tmp_path: Path, value: str) -> None:
    """What speaks of a resource the stack leaves out says so, and harms nobody who doesn't need it."""
    resolved = resolve(tmp_path, value)
    assert isinstance(resolved, NotDeployed)
    assert resolved.logical_id == "Role"
    assert resolved.path.startswith("Thing.Properties.Value")


@pytest.mark.parametrize(
    "value",
    [
        "!Ref Nobody",
        "!GetAtt Nobody.Arn",
        "!GetAtt Table.Arn",
        "!GetAtt EventStream.Name",
        "!ImportValue x",
        "!Select [0, [a]]",
        "!If [Unknown, 1, 2]",
        "!Sub 'x-${Nobody}'",
        "!If [IsWide]",
    ],
)
def test_unresolvable_intrinsics_name_their_place(tmp_path: Path, value: str) -> None:
    """An intrinsic that can't be resolved is an error with its path, never a guess."""
    with pytest.raises(TemplateError, match=r"Thing\.Properties\.Value"):
        resolve(tmp_path, value)


@pytest.mark.parametrize("text", ["", "a: [", "just text", "Resources: 1"])
def test_what_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    """A file that isn't a template is named."""
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError, match=r"template\.yaml"):
        load_template(path)


def test_the_one_resource_of_a_type() -> None:
    """None or two of the type is an error."""
    template = {"Resources": {"A": {"Type": "X"}, "B": {"Type": "X"}, "C": {"Type": "Y"}}}
    assert only_resource(template, "Y") == "C"
    for resource_type in ("X", "Z"):
        with pytest.raises(TemplateError, match=resource_type):
            only_resource(template, resource_type)


def test_production_template_describes_a_stream_this_engine_can_play() -> None:
    """The delivery stream of infra/ parses whole, with its own role and logs left out of the stack."""
    template = load_template(PRODUCTION)
    properties = resource_properties(template, only_resource(template, DELIVERY_STREAM), STACK)
    stream = parse_delivery_stream(properties, ARN)
    assert properties["DeliveryStreamName"] == stream.name == "sluice-local-events"
    assert stream.source_arn == "arn:aws:kinesis:eu-west-1:123456789012:stream/sluice-local-events"
    assert (stream.bucket, stream.gzip, stream.file_extension, stream.region) == (
        "landing",
        True,
        ".gz",
        "eu-west-1",
    )
    assert stream.transform is not None
    assert stream.transform.function_arn == "arn:aws:lambda:eu-west-1:123456789012:function:transform"
    assert stream.prefix.source.startswith("events/")
    assert stream.error_prefix.source.startswith("firehose-failed/")


def properties(**destination: object) -> dict[str, Any]:
    """Return the least a delivery stream must have, and what is given."""
    least = {"BucketARN": "arn:aws:s3:::landing", "Prefix": "events/", "ErrorOutputPrefix": "failed/"}
    source = {"KinesisStreamARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/events"}
    return {
        "KinesisStreamSourceConfiguration": source,
        "ExtendedS3DestinationConfiguration": least | destination,
    }


def test_defaults_are_those_of_aws() -> None:
    """Without hints, compression and processing: 5 MiB or 300 s, plain, untransformed."""
    stream = parse_delivery_stream(properties(ProcessingConfiguration={"Processors": []}), ARN)
    assert stream.hints == Hints(5 * 2**20, 300)
    assert (stream.gzip, stream.file_extension, stream.transform) == (False, "", None)


def test_transform_defaults_are_those_of_aws() -> None:
    """Without parameters the transform gets 1 MiB or 60 s, and three retries."""
    parameters = [{"ParameterName": "LambdaArn", "ParameterValue": "arn:f"}]
    processing = {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": parameters}]}
    transform = parse_delivery_stream(properties(ProcessingConfiguration=processing), ARN).transform
    assert transform is not None
    assert (transform.hints, transform.retries) == (Hints(2**20, 60), 3)


@pytest.mark.parametrize(
    "destination",
    [
        {"CompressionFormat": "Snappy"},
        {"CustomTimeZone": "Europe/Berlin"},
        {"S3BackupMode": "Enabled"},
        {"DynamicPartitioningConfiguration": {"Enabled": True}},
        {"DataFormatConversionConfiguration": {"Enabled": "true"}},
        {"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]}},
        {"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda"}]}},
        {"BucketARN": NotDeployed("Bucket", "Stream.Properties.BucketARN")},
    ],
)
def test_what_the_engine_cannot_do_is_refused(destination: dict[str, object]) -> None:
    """A wish that would silently stay unfulfilled stops the start."""
    with pytest.raises(DeliveryStreamError):
        parse_delivery_stream(properties(**destination), ARN)
