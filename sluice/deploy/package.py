"""The rendered app, packaged: packed by Chalice, slimmed and proved whole. Deploying it is not done here."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sluice.deploy.archives import MissingFromArchiveError, content_hash, files_in, require, write_archive
from sluice.deploy.bytecode import with_bytecode
from sluice.deploy.render import NO_ROLE, app_files
from sluice.deploy.slimming import slim
from sluice.deploy.target import Target

TEMPLATE = "sam.json"
NEEDED_CODE = (
    "app.py",
    "chalice/app.py",
    "chalicelib/__init__.py",
    "chalicelib/core/__init__.py",
    "chalicelib/contracts/schemas/",
)
NEEDED_PACKAGES = (
    "boto3/__init__.py",
    "botocore/__init__.py",
    "cryptography/__init__.py",
    "jsonschema_rs/__init__.py",
    "jwt/__init__.py",
    "orjson/__init__.py",
    "requests/__init__.py",
    "snowflake/connector/__init__.py",
    "snowflake/ingest/__init__.py",
    "uuid_utils/__init__.py",
)


class PackagingFailedError(Exception):
    """Chalice could not package the app, or packaged it in a way that must not be deployed."""


@dataclass(frozen=True, slots=True)
class AppPackage:
    """A packaged app: its CloudFormation template, and the zips that template leaves to be placed."""

    template: Mapping[str, Any]
    code: Path
    layer: Path

    def template_body(self, bucket: str, code_key: str, layer_key: str) -> str:
        """Return the template as JSON, with both zips at their place in `bucket`."""
        located = copy.deepcopy(dict(self.template))
        for properties in (resource.get("Properties", {}) for resource in located["Resources"].values()):
            for field, key in (("CodeUri", code_key), ("ContentUri", layer_key)):
                if field in properties:
                    properties[field] = {"Bucket": bucket, "Key": key}
        return json.dumps(located)


def package_app(app: Path, stage: str, target: Target) -> AppPackage:
    """Package a rendered app into a folder beside it; the same input is never packaged twice. Writes.

    Raises PackagingFailedError, also for what Chalice could not install: it only warns.
    """
    tools = {"tools": f"chalice {version('chalice')} {target} {sys.version}".encode()}
    folder = app.with_name(f"package-{content_hash(app_files(app) | tools)}")
    if not (folder / TEMPLATE).exists():
        _forget(app.parent.glob("package-*"))
        _package(app, stage, folder, target)
    template = json.loads((folder / TEMPLATE).read_bytes())
    return AppPackage(template, *_zips(folder))


def _package(app: Path, stage: str, folder: Path, target: Target) -> None:
    """Run Chalice and refine what it made. The template goes last: where it is, the folder is whole."""
    raw = folder / "raw"
    said = _run_chalice(app, stage, raw)
    require_own_roles(json.loads((raw / TEMPLATE).read_bytes()))
    code = write_archive(folder, "code", files_in(raw / "deployment.zip"))
    layer_files = slim(files_in(raw / "layer-deployment.zip"))
    layer = write_archive(folder, "layer", with_bytecode(layer_files, target.python))
    try:
        require_whole(code, layer, target)
    except MissingFromArchiveError as error:
        # Chalice would take its half-filled layer for whole the next time.
        _forget([app / ".chalice/deployments", folder])
        raise PackagingFailedError(f"{error}\n{said}") from error
    (raw / TEMPLATE).replace(folder / TEMPLATE)
    _forget([raw])


def require_whole(code: Path, layer: Path, target: Target) -> None:
    """Check that an app's two zips hold all the app imports. Raises MissingFromArchiveError. Read-only."""
    require(code, NEEDED_CODE)
    # Where Lambda looks for a layer's packages. Source: AWS Lambda, packaging layers.
    require(layer, [f"python/lib/{target.runtime}/site-packages/{path}" for path in NEEDED_PACKAGES])


def _run_chalice(app: Path, stage: str, out: Path) -> str:
    """Run `chalice package` with the interpreter that runs us; return what it said."""
    command = "import sys; from chalice.cli import main; sys.exit(main())"
    options = ["--stage", stage, "--pkg-format", "cloudformation", "--template-format", "json", str(out)]
    result = subprocess.run(
        [sys.executable, "-c", command, "package", *options],
        cwd=app,
        env=_chalice_environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{result.stdout}{result.stderr}".strip()
    if result.returncode:
        raise PackagingFailedError(f"chalice package failed:\n{said}")
    return said


def _chalice_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which packaging depends on no account.

    Chalice asks for a region and credentials and uses neither: without these it would look for a profile that
    may not exist, and then for the machine's own role over the network.
    """
    without_profile = {name: value for name, value in inherited.items() if name != "AWS_PROFILE"}
    return {
        "AWS_DEFAULT_REGION": "us-east-1",
        **without_profile,
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        # It packs every file it finds in chalicelib, compiled ones too.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def require_own_roles(template: Mapping[str, Any]) -> None:
    """Check that no function was left with the role that stands for none. Raises PackagingFailedError."""
    without = [name for name, it in template["Resources"].items() if it.get("Properties", {}).get("Role") == NO_ROLE]
    if without:
        raise PackagingFailedError(f"no role of its own: {', '.join(without)}. Give each function one in infra/.")


def _zips(folder: Path) -> tuple[Path, Path]:
    (code,), (layer,) = folder.glob("code-*.zip"), folder.glob("layer-*.zip")
    return code, layer


def _forget(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
