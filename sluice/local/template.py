"""Read one resource's properties from a CloudFormation template, as CloudFormation itself would deploy them.

Only what a template says and what a stack holds goes in: no AWS calls, no knowledge of any one service.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_NO_VALUE = object()
_SUB = re.compile(r"\$\{(!?)\s*([^}]+?)\s*}")
_ARNS = {
    "AWS::Kinesis::Stream": "arn:{partition}:kinesis:{region}:{account}:stream/{id}",
    "AWS::KinesisFirehose::DeliveryStream": "arn:{partition}:firehose:{region}:{account}:deliverystream/{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{id}",
}
"""Physical ids as ARNs, for the resource types whose id is their name."""
_ARN_SCOPE = {"partition": "Partition", "region": "Region", "account": "AccountId"}


class TemplateError(ValueError):
    """A template says something that can't be resolved; the message names the place."""


_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one over libyaml, ten times as fast, wherever PyYAML was built with it."""


class _Loader(_SAFE_LOADER):  # type: ignore[misc]  # chosen at run time
    """PyYAML's safe loader, taught CloudFormation's short tags."""


def _construct_tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Turn `!Sub x` into `{"Fn::Sub": x}`, as the long form has it."""
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda node: loader.construct_sequence(node, deep=True),
        yaml.MappingNode: lambda node: loader.construct_mapping(node, deep=True),
    }[type(node)]
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": construct(node)}


_Loader.add_multi_constructor("!", _construct_tag)


def load_template(path: Path) -> dict[str, Any]:
    """Load a YAML or JSON template; raise `TemplateError` when it isn't one."""
    try:
        template = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506  # a safe loader with more tags
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not YAML: {error}") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError(f"{path} has no Resources")
    return template


def only_resource(template: Mapping[str, Any], resource_type: str) -> str:
    """Return the logical id of the template's one resource of a type."""
    found = [name for name, body in template["Resources"].items() if body.get("Type") == resource_type]
    if len(found) != 1:
        raise TemplateError(f"expected one {resource_type} in the template, found {found or 'none'}")
    return str(found[0])


@dataclass(frozen=True, slots=True)
class Resource:
    """A deployed resource."""

    resource_type: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class NotDeployed:
    """Stands where a property points at a resource that the stack leaves out, such as a role nobody plays."""

    logical_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: what a template's references point at."""

    stack_id: str
    """`arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<id>`."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)

    def pseudo_parameters(self) -> dict[str, Any]:
        """Return what `AWS::Region` and its kin stand for in this stack."""
        _, partition, _, region, account, path = self.stack_id.split(":", 5)
        return {
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::AccountId": account,
            "AWS::StackName": path.split("/")[1],
            "AWS::StackId": self.stack_id,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NO_VALUE,
        }

    def arn(self, resource: Resource) -> str:
        """Return a resource's ARN; raise `KeyError` for a type whose ARN its physical id doesn't tell."""
        pseudo = self.pseudo_parameters()
        scope = {key: pseudo[f"AWS::{name}"] for key, name in _ARN_SCOPE.items()}
        return _ARNS[resource.resource_type].format(id=resource.physical_id, **scope)


def resource_properties(template: Mapping[str, Any], logical_id: str, stack: Stack) -> dict[str, Any]:
    """Resolve every intrinsic in a resource's properties, whether the stack has deployed it or not.

    Where one points at a resource the stack leaves out, a `NotDeployed` stands in the answer.
    Raise `TemplateError` with the path of the first intrinsic that can't be resolved.
    """
    properties = template["Resources"][logical_id].get("Properties", {})
    return dict(_Resolver(template, stack).resolve(properties, f"{logical_id}.Properties"))


class _Resolver:
    """One template against one stack."""

    def __init__(self, template: Mapping[str, Any], stack: Stack) -> None:
        self._stack = stack
        self._declared = frozenset(template["Resources"])
        self._conditions = template.get("Conditions", {})
        self._values = stack.pseudo_parameters() | _parameters(template, stack.parameters)
        self._intrinsics: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Equals": lambda pair, at: str(self.resolve(pair[0], at)) == str(self.resolve(pair[1], at)),
            "Fn::And": lambda tests, at: all(self.resolve(test, at) for test in tests),
            "Fn::Or": lambda tests, at: any(self.resolve(test, at) for test in tests),
            "Fn::Not": lambda tests, at: not self.resolve(tests[0], at),
        }

    def resolve(self, node: Any, at: str) -> Any:
        """Return a node with its intrinsics replaced; `at` is its path, for messages."""
        if isinstance(node, list):
            items = [self.resolve(item, f"{at}[{index}]") for index, item in enumerate(node)]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if (name := _intrinsic(node)) is not None:
            return self._call(name, node[name], at)
        pairs = {key: self.resolve(value, f"{at}.{key}") for key, value in node.items()}
        return {key: value for key, value in pairs.items() if value is not _NO_VALUE}

    def _call(self, name: str, argument: Any, at: str) -> Any:
        try:
            return self._intrinsics[name](argument, at)
        except TemplateError:
            raise
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise TemplateError(f"{at}: can't resolve {name} {argument!r}") from error

    def _ref(self, name: str, at: str) -> Any:
        if name in self._values:
            return self._values[name]
        resource = self._resource(name, at)
        return resource if isinstance(resource, NotDeployed) else resource.physical_id

    def _resource(self, name: str, at: str) -> Resource | NotDeployed:
        if name in self._declared and name not in self._stack.resources:
            return NotDeployed(name, at)
        return self._stack.resources[name]

    def _get_att(self, argument: str | list[str], at: str) -> str | NotDeployed:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self._resource(name, at)
        if isinstance(resource, NotDeployed):
            return resource
        if attribute != "Arn":
            raise ValueError(attribute)
        return self._stack.arn(resource)

    def _sub(self, argument: str | list[Any], at: str) -> str | NotDeployed:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        own = self.resolve(given, at)
        # Text, "!" or nothing, name, text, "!" or nothing, name, … text.
        pieces = _SUB.split(text)
        values = [
            f"${{{name}}}" if literal else own[name] if name in own else self._named(name, at)
            for literal, name in zip(pieces[1::3], pieces[2::3], strict=True)
        ]
        return _concatenate("", [piece for pair in zip(pieces[::3], [*values, ""], strict=True) for piece in pair])

    def _named(self, name: str, at: str) -> Any:
        return self._call("Fn::GetAtt" if "." in name else "Ref", name, at)

    def _if(self, argument: list[Any], at: str) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self._condition(condition, at) else otherwise, at)

    def _condition(self, name: str, _at: str) -> bool:
        return bool(self.resolve(self._conditions[name], f"Conditions.{name}"))

    def _join(self, argument: list[Any], at: str) -> str | NotDeployed:
        separator, parts = argument
        return _concatenate(separator, self.resolve(parts, at))


def _concatenate(separator: str, parts: list[Any]) -> str | NotDeployed:
    """Join parts as text; what speaks of something that isn't deployed is itself not deployed."""
    missing = [part for part in parts if isinstance(part, NotDeployed)]
    return missing[0] if missing else separator.join(str(part) for part in parts)


def _intrinsic(node: Mapping[str, Any]) -> str | None:
    """Return the name of the intrinsic a mapping is, if it is one."""
    (name, *others) = node or [""]
    return name if not others and (name in {"Ref", "Condition"} or str(name).startswith("Fn::")) else None


def _parameters(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return every parameter's value: the stack's own, else the template's default; lists as lists."""
    values: dict[str, Any] = {}
    for name, declared in template.get("Parameters", {}).items():
        value = given.get(name, declared.get("Default", _NO_VALUE))
        if value is not _NO_VALUE:
            is_list = "List" in declared.get("Type", "String")
            values[name] = [item.strip() for item in str(value).split(",")] if is_list else value
    return values
