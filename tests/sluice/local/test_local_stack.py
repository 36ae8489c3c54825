"""What the local stack tells the templates and the app. That it deploys is shown by the whole-road tests."""

import json
from pathlib import Path

import pytest

from sluice.deploy.target import Target
from sluice.local.stack import (
    API_STAGE,
    LOCAL_PARAMETERS,
    STAGE,
    LocalBuild,
    clients,
    local_deployment,
    packaged_api_url,
)
from sluice.local.template import load_template

ROOT = Path(__file__).parents[3]
TEMPLATE = load_template(ROOT / "infra/template.yaml")
CONFIG = json.loads((ROOT / ".chalice/config.json").read_text())
GIVEN_AT_DEPLOY = {"TransformKey", "LambdaRuntime", "LambdaArchitecture"}


def test_template_gets_every_parameter_it_asks_for():
    """No parameter without a default is left out, and none is given that the template does not know."""
    known = TEMPLATE["Parameters"]
    required = {name for name, it in known.items() if "Default" not in it}

    assert required <= LOCAL_PARAMETERS.keys() | GIVEN_AT_DEPLOY <= known.keys()


@pytest.mark.parametrize("name", LOCAL_PARAMETERS)
def test_local_values_are_ones_the_template_allows(name):
    """What is short here would be accepted in production too."""
    parameter, value = TEMPLATE["Parameters"][name], LOCAL_PARAMETERS[name]

    assert value in parameter.get("AllowedValues", [value])
    if parameter["Type"] == "Number":
        assert parameter.get("MinValue", 0) <= float(value) <= parameter.get("MaxValue", 10**9)


@pytest.mark.parametrize(
    ("stage", "visibility_s"),
    [
        (STAGE, int(LOCAL_PARAMETERS["LoadVisibilityTimeoutSeconds"])),
        ("production", TEMPLATE["Parameters"]["LoadVisibilityTimeoutSeconds"]["Default"]),
    ],
)
def test_notifications_stay_hidden_while_they_are_loaded(stage, visibility_s):
    """AWS refuses an event source whose queue shows messages again before the function times out."""
    of_stage = CONFIG["stages"][stage].get("lambda_functions", {}).get("load", {})
    timeout_s = of_stage.get("lambda_timeout", CONFIG["lambda_functions"]["load"]["lambda_timeout"])

    assert timeout_s <= visibility_s


def test_app_learns_names_from_the_infra_outputs():
    """Every output the app needs exists in the template, and its own variables are added."""
    outputs = {name: f"the-{name}" for name in TEMPLATE["Outputs"]}
    build = LocalBuild(ROOT, ROOT / "build", {"SNOWFLAKE_PORT": "1"}, Target("3.11", "x86_64"))
    deployment = local_deployment(build, outputs)

    assert deployment.environment["SLUICE_STREAM"] == "the-StreamName"
    assert deployment.environment["SNOWFLAKE_PORT"] == "1"
    assert deployment.roles.keys() == CONFIG["lambda_functions"].keys()


def test_packaged_api_lies_under_the_stage_chalice_gives_it():
    """The address ends with the API's stage, without a slash."""
    assert packaged_api_url(4566, "abc") == f"http://127.0.0.1:4566/_aws/execute-api/abc/{API_STAGE}"
    assert CONFIG["stages"][STAGE]["api_gateway_stage"] == API_STAGE


def test_clients_know_the_emulator_only(monkeypatch, tmp_path):
    """A developer's profile, be it real or gone, changes nothing."""
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\nendpoint_url = http://real.example\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "gone")
    client = clients(4566)("sqs")

    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:4566", "us-east-1")
