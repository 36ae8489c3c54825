"""deploy_stack against a CloudFormation that remembers stacks, change sets and events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluice.deploy.stack import StackFailedError, deploy_stack, stack_resources

GOOD = "Outputs: {}"
BROKEN = "a resource that cannot be made"
INVALID = "not a template"
IMPOSSIBLE = "a change that is refused once it was looked at"


def refused(message: str) -> ClientError:
    """Return the error CloudFormation gives for a request it will not take."""
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CloudFormation")


@dataclass
class FakeCloudFormation:
    """Takes a moment for every step, makes stacks of any template but BROKEN, and keeps a log of writes."""

    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    under_way: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    operations: int = 0

    def pause(self, _seconds: float) -> None:
        """Let time pass: everything under way comes to its end."""
        for thing, name, status in self.under_way:
            thing[name] = status
        self.under_way.clear()

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        """Describe a stack that is there."""
        if StackName not in self.stacks:
            raise refused(f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def create_change_set(self, **request: Any) -> None:
        """Propose a change; it is judged a moment later."""
        if request["TemplateBody"] == INVALID:
            raise refused("Template format error")
        name, kind = request["StackName"], request["ChangeSetType"]
        self.log.append(f"propose {kind}")
        stack = self.stacks.setdefault(name, {"StackStatus": "REVIEW_IN_PROGRESS"})
        content = (request["TemplateBody"], tuple(p["ParameterValue"] for p in request["Parameters"]))
        change_set = {"Status": "CREATE_IN_PROGRESS", "content": content, "kind": kind}
        self.change_sets[request["ChangeSetName"]] = change_set
        if stack.get("content") == content:
            change_set["StatusReason"] = "The submitted information didn't contain changes."
            self.under_way.append((change_set, "Status", "FAILED"))
        elif request["TemplateBody"] == IMPOSSIBLE:
            change_set["StatusReason"] = "Validation failed with 1 error(s)."
            self.tell("Landing", "AWS::S3::Bucket", ValidationStatusReason="the name is taken")
            self.under_way.append((change_set, "Status", "FAILED"))
        else:
            self.under_way.append((change_set, "Status", "CREATE_COMPLETE"))

    def describe_change_set(self, *, StackName: str, ChangeSetName: str) -> dict[str, Any]:  # noqa: N803
        """Describe a proposal."""
        return self.change_sets[ChangeSetName]

    def delete_change_set(self, *, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        """Forget a proposal."""
        del self.change_sets[ChangeSetName]

    def execute_change_set(self, *, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        """Carry a proposal out; it ends a moment later, for BROKEN in a rollback."""
        change_set, stack = self.change_sets.pop(ChangeSetName), self.stacks[StackName]
        kind = change_set["kind"]
        self.log.append(f"execute {kind}")
        stack["StackStatus"] = f"{kind}_IN_PROGRESS"
        if change_set["content"][0] == BROKEN:
            self.operations += 1
            self.tell("Landing", "AWS::S3::Bucket", ValidationStatusReason="the name is taken")
            self.tell("Ledger", "AWS::DynamoDB::Table", ResourceStatusReason="creation cancelled")
            end = "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
        else:
            end = f"{kind}_COMPLETE"
            stack["content"] = change_set["content"]
            stack["Outputs"] = [{"OutputKey": "Count", "OutputValue": str(len(self.log))}]
        self.under_way.append((stack, "StackStatus", end))

    def tell(self, name: str, kind: str, **reason: str) -> None:
        """Put a failure of the present operation before all others: the newest is listed first."""
        event = {"LogicalResourceId": name, "ResourceType": kind, "Timestamp": len(self.events)}
        self.events.insert(0, event | {"OperationId": str(self.operations)} | reason)

    def get_paginator(self, operation: str) -> Any:
        """Return a listing with one entry a page."""
        pages = {
            "describe_events": [{"OperationEvents": [event]} for event in self.events],
            "list_stack_resources": [{"StackResourceSummaries": [resource]} for resource in self.resources()],
        }
        return FakePages(pages[operation])

    def resources(self) -> Iterator[dict[str, str]]:
        """Yield two resources of different types."""
        for name, kind in (("Load", "AWS::Lambda::Function"), ("Ledger", "AWS::DynamoDB::Table")):
            yield {"LogicalResourceId": name, "PhysicalResourceId": f"it-{name}", "ResourceType": kind}


@dataclass
class FakePages:
    """The pages of one listing."""

    pages: list[dict[str, Any]]

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        """Return the pages."""
        return self.pages


@pytest.fixture
def cloudformation() -> FakeCloudFormation:
    """Return a CloudFormation without stacks."""
    return FakeCloudFormation()


def deploy(client: FakeCloudFormation, template: str, parameters: dict[str, str] | None = None) -> dict[str, str]:
    """Deploy the stack `infra` without waiting."""
    return deploy_stack(client, "infra", template, parameters or {}, pause=client.pause)


def test_stack_that_is_not_there_is_created(cloudformation):
    """A first deploy creates the stack, waits for it and returns its outputs."""
    assert deploy(cloudformation, GOOD) == {"Count": "2"}
    assert cloudformation.log == ["propose CREATE", "execute CREATE"]


def test_same_again_changes_nothing(cloudformation):
    """No change is a success with the same outputs, and leaves no change set behind."""
    first = deploy(cloudformation, GOOD)

    assert deploy(cloudformation, GOOD) == first
    assert cloudformation.log[2:] == ["propose UPDATE"]
    assert not cloudformation.change_sets


def test_other_parameters_update_the_stack(cloudformation):
    """A stack that is there is updated in place."""
    deploy(cloudformation, GOOD, {"Stage": "local"})
    deploy(cloudformation, GOOD, {"Stage": "trial"})

    assert cloudformation.log[2:] == ["propose UPDATE", "execute UPDATE"]


def test_stack_only_proposed_is_created(cloudformation):
    """A change set that was never executed leaves a stack in review, which is not there yet."""
    cloudformation.stacks["infra"] = {"StackStatus": "REVIEW_IN_PROGRESS"}
    deploy(cloudformation, GOOD)

    assert cloudformation.log == ["propose CREATE", "execute CREATE"]


def test_failure_tells_every_reason_the_cause_first(cloudformation):
    """The error names the resources that failed, in the order they did."""
    with pytest.raises(StackFailedError, match=r"(?s)ROLLBACK_COMPLETE.*name is taken.*creation cancelled"):
        deploy(cloudformation, BROKEN)


def test_refused_change_tells_which_resource_is_at_fault(cloudformation):
    """A change that fails validation before anything is made names the resource and the reason."""
    with pytest.raises(StackFailedError, match=r"(?s)Validation failed with 1 error.*Landing .*the name is taken"):
        deploy(cloudformation, IMPOSSIBLE)
    assert cloudformation.log == ["propose CREATE"]


def test_failure_does_not_tell_of_earlier_deploys(cloudformation):
    """Reasons of an operation that is over and mended are not repeated."""
    deploy(cloudformation, GOOD)
    cloudformation.tell("Queue", "AWS::SQS::Queue", ResourceStatusReason="long ago")
    with pytest.raises(StackFailedError) as caught:
        deploy(cloudformation, BROKEN)

    assert "long ago" not in str(caught.value)


def test_stack_that_was_never_whole_says_what_to_do(cloudformation):
    """CloudFormation can do nothing with such a stack but delete it, so the error says that."""
    cloudformation.stacks["infra"] = {"StackStatus": "ROLLBACK_COMPLETE"}

    with pytest.raises(StackFailedError, match="Delete the stack"):
        deploy(cloudformation, GOOD)
    assert cloudformation.log == []


def test_refused_template_is_a_failure_of_the_stack(cloudformation):
    """CloudFormation's own words reach the reader under the stack's name."""
    with pytest.raises(StackFailedError, match=r"infra: the template was refused: .*Template format error"):
        deploy(cloudformation, INVALID)


def test_resources_are_found_by_type(cloudformation):
    """Physical ids come by logical id, and only those of the type asked for."""
    assert stack_resources(cloudformation, "infra", "AWS::Lambda::Function") == {"Load": "it-Load"}
