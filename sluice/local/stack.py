"""The production templates on the emulator: both stacks deployed. It starts no process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.deploy.artifacts import upload
from sluice.deploy.package import AppPackage, package_app
from sluice.deploy.render import Deployment, render_app
from sluice.deploy.stack import deploy_stack, stack_outputs, stack_resources
from sluice.deploy.target import Target
from sluice.deploy.transform import build_transform_zip
from sluice.local.clients import ClientOf, clients
from sluice.local.emulator import ACCOUNT_ID
from sluice.local.ports import url
from sluice.local.scheduler.events import CADENCES

STAGE = "local"
INFRA_STACK = f"sluice-{STAGE}-infra"
APP_STACK = f"sluice-{STAGE}-app"
ARTIFACT_BUCKET = f"sluice-{STAGE}-artifacts-{ACCOUNT_ID}"
API_STAGE = "api"
"""Chalice's default `api_gateway_stage`, part of the API's address."""

LOCAL_PARAMETERS: Mapping[str, str] = {
    "Stage": STAGE,
    "ArtifactBucket": ARTIFACT_BUCKET,
    "ShardCount": "2",
    "DeliverWithFirehose": "false",
    "DeliveryBufferIntervalSeconds": "1",
    "TransformBufferIntervalSeconds": "0",
    "LoadVisibilityTimeoutSeconds": "30",
    "LoadMaxReceives": "10",
    "StuckAfterSeconds": "20",
}
"""What production sets slow, short; the rest keeps the template's defaults."""

LOCAL_TIMES: Mapping[str, str] = {
    "SLUICE_RESUBMIT_AFTER_S": "5",
    "SLUICE_LOOK_AFTER_S": "5",
    "SLUICE_RELOAD_AFTER_S": "10",
    # Longer than one load may try: until then what it has not read yet is not unannounced.
    "SLUICE_COMPARE_AFTER_S": "25",
}
"""How patient reconcile and compare are here: they are called every few seconds, not every minute or hour."""

_ROLES = {
    "api_handler": "CollectRoleArn",
    "load": "LoadRoleArn",
    "reconcile": "ReconcileRoleArn",
    "compare": "CompareRoleArn",
    "drain": "DrainRoleArn",
}
"""The infra stack's output that holds each function's role."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LocalStack:
    """The deployed stacks: what they are called, and where the packaged API answers."""

    outputs: Mapping[str, str]
    environment: Mapping[str, str]
    functions: Mapping[str, str]
    """Physical names, by the names functions have in the code."""
    api_url: str

    @property
    def scheduled(self) -> dict[str, str]:
        """Return the functions that are called every few seconds."""
        return {name: self.functions[name] for name in CADENCES if name in self.functions}


@dataclass(frozen=True, slots=True)
class LocalBuild:
    """Where the project lies, where packages are built, and the variables to add to the app's environment."""

    root: Path
    build_dir: Path
    environment: Mapping[str, str]
    target: Target


def deploy_local(port: int, build: LocalBuild, snowflake_key: str, report: Report = print) -> LocalStack:
    """Deploy infra, then the app on top of it, to the emulator on `port`. Safe to repeat.

    `snowflake_key` is the PEM private key. Raises what building, packaging and deploying raise.
    """
    client = clients(port)
    report("building the transform")
    transform = build_transform_zip(build.root, build.build_dir, build.target)
    report("deploying the infra stack")
    outputs = deploy_infra(client, build, transform)
    client("secretsmanager").put_secret_value(SecretId=outputs["SnowflakeKeySecret"], SecretString=snowflake_key)
    report("packaging the app")
    deployment = local_deployment(build, outputs)
    package = package_app(render_app(build.root, deployment, build.build_dir), STAGE, build.target)
    report("deploying the app stack")
    app = deploy_app(client, package)
    api_url = packaged_api_url(port, app["RestAPIId"])
    return LocalStack(outputs, deployment.environment, _functions(client, outputs), api_url)


def _functions(client: ClientOf, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the physical names of all functions, by the names they have in the code."""
    of_app = stack_resources(client("cloudformation"), APP_STACK, "AWS::Lambda::Function")
    return {
        "api_handler": of_app["APIHandler"],
        "load": of_app["Load"],
        **{name: of_app[name.capitalize()] for name in CADENCES if name.capitalize() in of_app},
        "transform": outputs["TransformFunctionName"],
    }


def deploy_infra(client: ClientOf, build: LocalBuild, transform: Path) -> dict[str, str]:
    """Deploy the infra stack with local times and return its outputs."""
    client("s3").create_bucket(Bucket=ARTIFACT_BUCKET)
    parameters = {
        **LOCAL_PARAMETERS,
        "TransformKey": upload(client("s3"), ARTIFACT_BUCKET, transform),
        "LambdaRuntime": build.target.runtime,
        "LambdaArchitecture": build.target.architecture,
    }
    template = (build.root / "infra/template.yaml").read_text(encoding="utf-8")
    return deploy_stack(client("cloudformation"), INFRA_STACK, template, parameters)


def deploy_app(client: ClientOf, package: AppPackage) -> dict[str, str]:
    """Deploy the app stack and return its outputs."""
    code, layer = (upload(client("s3"), ARTIFACT_BUCKET, archive) for archive in (package.code, package.layer))
    return deploy_stack(client("cloudformation"), APP_STACK, package.template_body(ARTIFACT_BUCKET, code, layer), {})


def infra_outputs(port: int) -> dict[str, str]:
    """Return the outputs of the infra stack that is deployed. Read-only."""
    return stack_outputs(clients(port)("cloudformation"), INFRA_STACK)


def replace_workers(stack: LocalStack, port: int) -> None:
    """Give every function a new worker, as any update of it does: this one changes nothing."""
    client = clients(port)("lambda")
    for function in stack.functions.values():
        timeout_s = client.get_function_configuration(FunctionName=function)["Timeout"]
        client.update_function_configuration(FunctionName=function, Timeout=timeout_s)


def local_deployment(build: LocalBuild, outputs: Mapping[str, str]) -> Deployment:
    """Return what the app learns from the infra stack, and its functions' roles."""
    environment = {
        "SLUICE_DEPLOY_STAGE": STAGE,
        "SLUICE_STREAM": outputs["StreamName"],
        "SLUICE_LANDING_BUCKET": outputs["LandingBucket"],
        "SLUICE_DEAD_LETTER_BUCKET": outputs["DeadLetterBucket"],
        "SLUICE_LEDGER_TABLE": outputs["LedgerTable"],
        "SLUICE_LOAD_QUEUE": outputs["LoadQueueName"],
        "SLUICE_ALERT_TOPIC": outputs["AlertTopicArn"],
        "SNOWFLAKE_KEY_SECRET": outputs["SnowflakeKeySecret"],
        **LOCAL_TIMES,
    }
    roles = {function: outputs[output] for function, output in _ROLES.items()}
    return Deployment(STAGE, environment | dict(build.environment), roles, build.target)


def packaged_api_url(port: int, api_id: str) -> str:
    """Return where the emulator serves a packaged API, without a slash at the end."""
    return f"{url(port)}/_aws/execute-api/{api_id}/{API_STAGE}"
