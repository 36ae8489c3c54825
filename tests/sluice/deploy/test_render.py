"""The rendered app: everything Chalice packs, with a configuration that knows the infra stack."""

import json
from pathlib import Path

import pytest

from sluice.deploy.render import CONFIG, NO_ROLE, Deployment, render_app, render_config
from sluice.deploy.target import Target

ROLES = {"api_handler": "arn:collect", "load": "arn:load"}
DEPLOYMENT = Deployment("local", {"SLUICE_STREAM": "events"}, ROLES, Target("3.11", "arm64"))
TRACKED = {
    "version": "2.0",
    "lambda_functions": {"load": {"lambda_memory_size": 512}},
    "stages": {"local": {"environment_variables": {"A": "1"}, "lambda_functions": {"load": {"lambda_timeout": 30}}}},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project as small as Chalice takes it."""
    root = tmp_path / "project"
    for name, text in {
        "app.py": "app = 1",
        "requirements.txt": "",
        "chalicelib/core/line.py": "",
        CONFIG: json.dumps(TRACKED),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_each_function_gets_its_own_role_beside_its_tracked_settings():
    """A role is added to what the tracked file says of a function; the whole app has none that works."""
    stage = render_config(TRACKED, DEPLOYMENT)["stages"]["local"]

    assert stage["lambda_functions"] == {
        "api_handler": {"iam_role_arn": "arn:collect"},
        "load": {"iam_role_arn": "arn:load", "lambda_timeout": 30},
    }
    assert stage["iam_role_arn"] == NO_ROLE


def test_environment_and_architecture_are_the_deployments():
    """Tracked variables stay, the deployment's are added, and Lambda gets the builder's processor."""
    stage = render_config(TRACKED, DEPLOYMENT)["stages"]["local"]

    assert stage["environment_variables"] == {"A": "1", "SLUICE_STREAM": "events"}
    assert stage["lambda_architecture"] == "arm64"


def test_tracked_configuration_is_left_alone():
    """Rendering returns a new configuration; the one it was given keeps its value."""
    before = json.dumps(TRACKED)
    render_config(TRACKED, DEPLOYMENT)

    assert json.dumps(TRACKED) == before


def test_untracked_stage_takes_the_defaults():
    """A stage nobody wrote down can be deployed: it has the settings of the top level."""
    config = render_config(TRACKED, Deployment("trial", {}, ROLES, Target("3.11", "x86_64")))

    assert config["stages"]["trial"]["lambda_functions"]["load"] == {"iam_role_arn": "arn:load"}
    assert config["lambda_functions"]["load"] == {"lambda_memory_size": 512}


def test_app_is_copied_and_what_is_gone_from_it_goes(project, tmp_path):
    """A module deleted in the project does not linger in the build; Chalice's cache does."""
    app = render_app(project, DEPLOYMENT, tmp_path / "build")
    (app / ".chalice/deployments").mkdir()
    (project / "chalicelib/core/line.py").rename(project / "chalicelib/core/row.py")
    render_app(project, DEPLOYMENT, tmp_path / "build")

    assert app == tmp_path / "build/local/app"
    assert [path.name for path in (app / "chalicelib/core").iterdir()] == ["row.py"]
    assert (app / ".chalice/deployments").is_dir()


def test_project_itself_is_not_written_to(project, tmp_path):
    """A clone stays clean: the tracked configuration still knows no role."""
    render_app(project, DEPLOYMENT, tmp_path / "build")

    assert json.loads((project / CONFIG).read_text()) == TRACKED
