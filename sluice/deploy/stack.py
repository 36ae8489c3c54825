"""CloudFormation stacks: make or update one, and say why it failed. What a stack holds is not known here."""

import time
import uuid
from collections.abc import Callable, Mapping
from operator import itemgetter
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
    proposal = _settle(lambda: client.describe_change_set(StackName=name, ChangeSetName=change_set), "Status", pause)
    if proposal["Status"] != "FAILED":
        _execute(client, name, change_set, pause)
        return stack_outputs(client, name)
    if not _holds_no_change(proposal):
        raise _failure(client, name, f"{name}: the change was refused: {proposal.get('StatusReason')}")
    client.delete_change_set(StackName=name, ChangeSetName=change_set)
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
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
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
        raise StackFailedError(f"{name} was never created whole (ROLLBACK_COMPLETE). Delete the stack, then try again.")
    return "CREATE" if status == "REVIEW_IN_PROGRESS" else "UPDATE"


def _execute(client: Any, name: str, change_set: str, pause: Pause) -> None:
    client.execute_change_set(StackName=name, ChangeSetName=change_set)
    stack = _settle(lambda: _describe(client, name), "StackStatus", pause)
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise _failure(client, name, f"{name} ended as {stack['StackStatus']}")


def _settle(describe: Callable[[], Description], field: str, pause: Pause, step_s: float = 0.2) -> Description:
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


def _failure(client: Any, name: str, what: str) -> StackFailedError:
    return StackFailedError("\n  ".join([what, *_reasons(client, name)]))


def _reasons(client: Any, name: str) -> list[str]:
    """Return what failed in the stack's last operation, oldest first: that one is the cause."""
    pages = client.get_paginator("describe_events").paginate(StackName=name, Filters={"FailedEvents": True})
    events = sorted((event for page in pages for event in page["OperationEvents"]), key=itemgetter("Timestamp"))
    return [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        for event in events
        if event["OperationId"] == events[-1]["OperationId"] and (reason := _reason(event))
    ]


def _reason(event: Description) -> str:
    """Return why an event failed: while it was checked, before anything was made, or later."""
    return str(event.get("ValidationStatusReason") or event.get("ResourceStatusReason") or "")


def _describe(client: Any, name: str) -> Description:
    stacks: list[Description] = client.describe_stacks(StackName=name)["Stacks"]
    return stacks[0]
