"""The Chalice app copied into a build folder, with a configuration that knows the deployed infra stack.

Tracked files are read, never changed; what is rendered here is packaged in `package.py`.
"""

import copy
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.deploy.archives import files_below
from sluice.deploy.target import Target

CONFIG = ".chalice/config.json"
SOURCES = ("app.py", "requirements.txt")
NO_ROLE = "arn:aws:iam::000000000000:role/each-function-has-its-own"
"""Chalice insists on one role for the whole app. Every function has its own: none may keep this one."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the app is told when deployed; `roles` holds an ARN for each Chalice function name."""

    stage: str
    environment: Mapping[str, str]
    roles: Mapping[str, str]
    target: Target


def render_config(tracked: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    """Return Chalice's configuration for a deployment; a stage that is not tracked takes the defaults."""
    config = copy.deepcopy(dict(tracked))
    stage = config.setdefault("stages", {}).setdefault(deployment.stage, {})
    stage["iam_role_arn"] = NO_ROLE
    stage["lambda_architecture"] = deployment.target.architecture
    stage["environment_variables"] = stage.get("environment_variables", {}) | dict(deployment.environment)
    functions = stage.setdefault("lambda_functions", {})
    for name, role in deployment.roles.items():
        functions[name] = functions.get(name, {}) | {"iam_role_arn": role}
    return config


def render_app(root: Path, deployment: Deployment, build_dir: Path) -> Path:
    """Copy the app at `root`, configured, to `<build_dir>/<stage>/app` and return that path.

    Writes there only, and leaves Chalice's cache of the layer (`.chalice/deployments`) in place.
    """
    folder = build_dir / deployment.stage / "app"
    config = render_config(json.loads((root / CONFIG).read_bytes()), deployment)
    shutil.rmtree(folder / "chalicelib", ignore_errors=True)
    files = {**app_files(root), CONFIG: json.dumps(config, indent=2, sort_keys=True).encode()}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def app_files(app: Path) -> dict[str, bytes]:
    """Return everything Chalice makes the app's zips from, by path. Read-only."""
    named = {name: (app / name).read_bytes() for name in (*SOURCES, CONFIG)}
    return named | files_below(app / "chalicelib", "chalicelib/")
