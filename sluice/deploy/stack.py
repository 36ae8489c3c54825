"""CloudFormation stacks: make or update one, and say why it failed. What a stack holds is not known here."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

CAPABILITIES = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
NOTHING_TO_DO = ("didn't contain changes", "no updates are to be performed", "no changes")
STEP_TIMEOUT_S = 1800.0

Pause = Callable[[float], None]
Description = dict[str, Any]


class StackFailedError(Exception):
    """A stack did not reach the state asked for; the message holds each resource's own reason."""


def deploy_stack(
    client: Any, name: str, template_body: str, parameters: Mapping[str, str], *, pause: Pause = time.sleep
) -> dict[str, str]:
    """Create or update stack `name` through a change set and return its outputs. No change is a success.

    Raises StackFailedError with the reasons CloudFormation gives.
    """
    change_set = _propose(client, name, template_body, parameters)
    proposal = _settle(
        lambda: client.describe_change_set(StackName=name, ChangeSetName=change_set), "Status", pause
    )
    if proposal["Status"] != "FAILED":
        _execute(client, name, change_set, pause)
        return stack_outputs(client, name)
    client.delete_change_set(StackName=name, ChangeSetName=change_set)
    if not _holds_no_change(proposal):
        raise StackFailedError(
            f"{name}: the change was refused: {proposal.get('StatusReason', 'no reason given')}"
        )
    return stack_outputs(client, name)


def stack_outputs(client: Any, name: str) -> dict[str, str]:
    """Return the outputs of a stack that exists. Read-only."""
    outputs = _describe(client, name).get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def stack_resources(client: Any, name: str, resource_type: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources of one type, by logical id. Read-only."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = (resource for page in pages for resource in page["StackResourceSummaries"])
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == resource_type
    }


def _propose(client: Any, name: str, template_body: str, parameters: Mapping[str, str]) -> str:
    change_set = f"sluice-{uuid.uuid4().hex}"
    kind = _change_set_type(client, name)
    try:
        client.create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType=kind,
            TemplateBody=template_body,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
            ],
            Capabilities=list(CAPABILITIES),
        )
    except ClientError as error:
        raise StackFailedError(f"{name}: the template was refused: {error}") from error
    return change_set


def _change_set_type(client: Any, name: str) -> str:
    """Say CREATE for a stack that is not there yet, or was proposed and never made; UPDATE otherwise."""
    try:
        status = _describe(client, name)["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return "CREATE"
        raise
    if status == "ROLLBACK_COMPLETE":
        raise StackFailedError(
            f"{name} was never created whole (ROLLBACK_COMPLETE). Delete the stack, then try again."
        )
    return "CREATE" if status == "REVIEW_IN_PROGRESS" else "UPDATE"


def _execute(client: Any, name: str, change_set: str, pause: Pause) -> None:
    client.execute_change_set(StackName=name, ChangeSetName=change_set)
    stack = _settle(lambda: _describe(client, name), "StackStatus", pause)
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        reasons = "\n".join(f"  {reason}" for reason in _reasons(client, name))
        raise StackFailedError(f"{name} ended as {stack['StackStatus']}:\n{reasons or '  no reason given'}")


def _settle(
    describe: Callable[[], Description], field: str, pause: Pause, step_s: float = 0.2
) -> Description:
    """Describe until `field` no longer says that something is under way."""
    for _ in range(int(STEP_TIMEOUT_S / step_s)):
        description = describe()
        if not description[field].endswith(("_PENDING", "_IN_PROGRESS")):
            return description
        pause(step_s)
    raise StackFailedError(f"still {description[field]} after {STEP_TIMEOUT_S:.0f} s")


def _holds_no_change(proposal: Description) -> bool:
    reason = proposal.get("StatusReason", "").lower()
    return any(phrase in reason for phrase in NOTHING_TO_DO)


def _reasons(client: Any, name: str) -> Iterator[str]:
    """Yield what failed in the stack's last operation, oldest first: that one is the cause."""
    return reversed(list(_failures_of_last_operation(client, name)))


def _failures_of_last_operation(client: Any, name: str) -> Iterator[str]:
    """Yield failures newest first, down to the event with which the operation began."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            if _begins_operation(event):
                return
            if event["ResourceStatus"].endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                yield f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"


def _begins_operation(event: Description) -> bool:
    is_stack = event["ResourceType"] == "AWS::CloudFormation::Stack"
    return is_stack and event["ResourceStatus"] in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}


def _describe(client: Any, name: str) -> Description:
    stacks: list[Description] = client.describe_stacks(StackName=name)["Stacks"]
    return stacks[0]
