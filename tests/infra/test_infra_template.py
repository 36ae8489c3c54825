"""What must hold of the infra template whatever else changes. That it is valid at all is cfn-lint's to say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.local.template import load_template

ROOT = Path(__file__).parents[2]
TEMPLATE = load_template(ROOT / "infra/template.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
LARGEST_INLINE_TEMPLATE_BYTES = 51_200
"""Source: AWS CloudFormation quotas, template body size in a request."""


def of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    """Return the template's resources of one type by logical id."""
    return {name: it for name, it in RESOURCES.items() if it["Type"] == resource_type}


BUCKETS = of_type("AWS::S3::Bucket")
QUEUES = of_type("AWS::SQS::Queue")
ROLES = of_type("AWS::IAM::Role")


def statements(role: str) -> Iterator[dict[str, Any]]:
    """Yield every statement of a role's policies."""
    for policy in ROLES[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def actions(role: str) -> set[str]:
    """Return every action a role allows."""
    listed = (statement["Action"] for statement in statements(role))
    return {action for entry in listed for action in ([entry] if isinstance(entry, str) else entry)}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_encrypted_private_and_ours(bucket):
    """Every bucket is encrypted, blocks public access in all four ways, and owns what is put into it."""
    properties = BUCKETS[bucket]["Properties"]

    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_plain_http(bucket):
    """Every bucket has a policy that denies everything to everyone who comes without TLS, objects included."""
    policies = [p["Properties"] for p in of_type("AWS::S3::BucketPolicy").values()]
    (policy,) = [p["PolicyDocument"] for p in policies if p["Bucket"] == {"Ref": bucket}]
    (denial,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]

    assert (denial["Principal"], denial["Action"]) == ("*", "s3:*")
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denial["Resource"] == [{"Fn::GetAtt": f"{bucket}.Arn"}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]


def test_dead_letters_are_versioned_and_kept_for_90_days():
    """A payload that a failed event points to lives 90 days, even after it was overwritten."""
    properties = BUCKETS["DeadLetterBucket"]["Properties"]
    (rule,) = properties["LifecycleConfiguration"]["Rules"]

    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (90, 90)


@pytest.mark.parametrize(
    "name", ["EventStream", "DeliveryStream", "LandingBucket", "DeadLetterBucket", "Ledger", "DeliveryRole"]
)
def test_what_holds_or_moves_events_outlives_the_stack(name):
    """Deleting or replacing the stack leaves the data, and the delivery that is still under way, alone."""
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_stream_is_encrypted_and_keeps_seven_days():
    """Kinesis encrypts, and holds events for a week unless told otherwise."""
    properties = RESOURCES["EventStream"]["Properties"]

    assert properties["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert properties["RetentionPeriodHours"] == {"Ref": "RetentionHours"}
    assert TEMPLATE["Parameters"]["RetentionHours"]["Default"] == 7 * 24


def test_firehose_really_calls_the_transform():
    """Processing is switched on in words: left out, Firehose would deliver events unchecked."""
    processing = delivery()["ProcessingConfiguration"]
    (processor,) = processing["Processors"]
    parameters = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}

    assert processing["Enabled"] is True
    assert parameters["LambdaArn"] == {"Fn::GetAtt": "TransformFunction.Arn"}
    assert {"BufferSizeInMBs", "BufferIntervalInSeconds"} <= parameters.keys()
    assert RESOURCES["TransformFunction"]["Properties"]["Timeout"] <= 300


def test_only_good_events_are_announced_to_the_load_queue():
    """Firehose's error objects lie outside the one prefix whose objects are loaded."""
    notification = BUCKETS["LandingBucket"]["Properties"]["NotificationConfiguration"]
    (queue,) = notification["QueueConfigurations"]
    (rule,) = queue["Filter"]["S3Key"]["Rules"]

    assert rule == {"Name": "prefix", "Value": "events/"}
    assert delivery()["Prefix"].startswith("events/")
    assert not delivery()["ErrorOutputPrefix"].startswith("events/")
    assert "!{firehose:error-output-type}" in delivery()["ErrorOutputPrefix"]
    assert BUCKETS["LandingBucket"]["DependsOn"] == "LoadQueuePolicy"


def test_only_landing_may_send_to_the_load_queue():
    """The queue takes messages from S3 for this bucket of this account and from nobody else."""
    (statement,) = RESOURCES["LoadQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(BUCKETS["LandingBucket"]["Properties"]["BucketName"]["Fn::Sub"])


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_have_a_redrive_queue_or_are_one(queue):
    """A message that nobody can handle is moved aside, not dropped."""
    targets = [q["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn") for q in QUEUES.values()]
    is_redrive = {"Fn::GetAtt": f"{queue}.Arn"} in targets

    assert is_redrive != ("RedrivePolicy" in QUEUES[queue]["Properties"])


def test_ledger_can_be_asked_by_file_and_by_state():
    """The ledger's keys are the ones the app uses, and its past can be restored."""
    properties = RESOURCES["Ledger"]["Properties"]
    (index,) = properties["GlobalSecondaryIndexes"]

    assert [key["AttributeName"] for key in properties["KeySchema"]] == ["file"]
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["state", "changed_at"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_template_never_sets_the_secret():
    """The key is put in by deploy; a value here would overwrite it at each update."""
    assert not {"SecretString", "GenerateSecretString"} & RESOURCES["SnowflakeKey"]["Properties"].keys()


def test_every_function_has_a_role_of_its_own():
    """The app's functions in Chalice's configuration and the transform share no role."""
    config = json.loads((ROOT / ".chalice/config.json").read_text())
    functions = {"collect" if name == "api_handler" else name for name in config["lambda_functions"]}
    app_roles = {name.removesuffix("Arn") for name in TEMPLATE["Outputs"] if name.endswith("RoleArn")}

    assert config["manage_iam_role"] is False
    assert functions == {"collect", "load", "reconcile", "compare", "drain"}
    assert app_roles == {f"{name.title()}Role" for name in functions}
    assert ROLES.keys() == app_roles | {"TransformRole", "DeliveryRole"}


@pytest.mark.parametrize("role", ROLES)
def test_roles_name_what_they_touch(role):
    """No statement reaches all resources, and no action is a wildcard."""
    resources = [statement["Resource"] for statement in statements(role)]

    assert all(resource != "*" and "*" not in resource for resource in resources)
    assert not [action for action in actions(role) if "*" in action]


LOG = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
LEDGER = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
PERMISSIONS = {
    "TransformRole": (LOG - {"logs:CreateLogGroup"}) | {"s3:PutObject"},
    "CollectRole": LOG | {"kinesis:PutRecords", "kinesis:DescribeStreamSummary", "s3:PutObject"},
    "LoadRole": LOG | LEDGER | QUEUE | {"secretsmanager:GetSecretValue"},
    "ReconcileRole": LOG
    | LEDGER
    | {"dynamodb:Query", "secretsmanager:GetSecretValue", "sns:Publish"}
    | {"s3:ListBucket", "s3:GetObject", "s3:PutObject"},
    "CompareRole": LOG | LEDGER | {"dynamodb:BatchGetItem", "s3:ListBucket", "secretsmanager:GetSecretValue"},
    "DrainRole": LOG | {"kinesis:PutRecords", "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
}


@pytest.mark.parametrize("role", PERMISSIONS)
def test_roles_allow_no_more_than_the_work_needs(role):
    """Each function's permissions, whole; a new one must be written down here as well."""
    assert actions(role) == PERMISSIONS[role]


def test_only_spills_are_ever_deleted():
    """Nobody deletes what landed, what failed, or a line of the ledger."""
    deleting = [statement for role in ROLES for statement in statements(role) if "Delete" in str(statement["Action"])]
    objects = [statement["Resource"] for statement in deleting if "s3:DeleteObject" in statement["Action"]]

    assert objects == [{"Fn::Sub": "${LandingBucket.Arn}/spill/*"}]
    assert not [role for role in ROLES if "dynamodb:DeleteItem" in actions(role)]


def test_template_fits_into_a_request():
    """CloudFormation takes the template by value, so it must stay below that limit."""
    assert (ROOT / "infra/template.yaml").stat().st_size < LARGEST_INLINE_TEMPLATE_BYTES


def delivery() -> dict[str, Any]:
    """Return how the delivery stream writes to S3."""
    destination: dict[str, Any] = RESOURCES["DeliveryStream"]["Properties"]["ExtendedS3DestinationConfiguration"]
    return destination
