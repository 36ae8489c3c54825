"""Packaging with the real Chalice, which finds a layer already built: nothing is installed here."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from sluice.deploy.archives import files_in, write_archive
from sluice.deploy.package import NEEDED_PACKAGES, AppPackage, PackagingFailedError, package_app
from sluice.deploy.render import Deployment, render_app
from sluice.deploy.target import Target

TARGET = Target.of_this_machine()
SITE_PACKAGES = f"python/lib/{TARGET.runtime}/site-packages"
REQUIREMENTS = "orjson==3.13.0\n"
ROLES = {"api_handler": "arn:aws:iam::000000000000:role/a", "load": "arn:aws:iam::000000000000:role/b"}
APP = """
from chalice.app import Chalice
app = Chalice(app_name="sluice")

@app.route("/")
def index(): return {}

@app.on_sqs_message(queue="load")
def load(event): pass
"""
SOURCES = {
    "app.py": APP,
    "requirements.txt": REQUIREMENTS,
    "chalicelib/__init__.py": "",
    "chalicelib/core/__init__.py": "",
    "chalicelib/contracts/schemas/order.placed/1-0-0.json": "{}",
    ".chalice/config.json": json.dumps(
        {"version": "2.0", "app_name": "sluice", "automatic_layer": True, "manage_iam_role": False}
    ),
}
UNUSED = f"{SITE_PACKAGES}/botocore/data/braket/2019-09-01/service-2.json.gz"
USED = f"{SITE_PACKAGES}/botocore/data/kinesis/2013-12-02/service-2.json.gz"
WHOLE = {f"{SITE_PACKAGES}/{name}": b"" for name in NEEDED_PACKAGES} | {UNUSED: b"x", USED: b"x"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with two functions."""
    for name, text in SOURCES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def render(root: Path, layer: dict[str, bytes], roles: dict[str, str] = ROLES) -> Path:
    """Render the app and lay a layer where Chalice looks for the one it built the last time."""
    app = render_app(root, Deployment("local", {}, roles, TARGET), root.parent / "build")
    digest = hashlib.md5(REQUIREMENTS.encode(), usedforsecurity=False).hexdigest()
    suffix = "" if TARGET.architecture == "x86_64" else f"-{TARGET.architecture}"
    archive = write_archive(app / ".chalice/deployments", "layer", layer)
    archive.rename(archive.with_name(f"managed-layer-{digest}-{TARGET.runtime}{suffix}.zip"))
    return app


def test_package_holds_code_layer_and_template(root):
    """Schemas go with the code; the layer keeps the services we call and loses the others. It is made once.

    Had Chalice run a second time, it would have put its work folder back.
    """
    app = render(root, WHOLE)
    package = package_app(app, "local", TARGET)

    assert "chalicelib/contracts/schemas/order.placed/1-0-0.json" in files_in(package.code)
    assert USED in files_in(package.layer)
    assert UNUSED not in files_in(package.layer)
    assert package.template["Resources"]["Load"]["Properties"]["Role"] == ROLES["load"]

    shutil.rmtree(app / ".chalice/deployments")
    assert package_app(app, "local", TARGET) == package
    assert not (app / ".chalice/deployments").exists()


def test_layer_without_a_needed_package_is_refused_and_forgotten(root):
    """Chalice only warns about what it could not install, and would reuse the broken layer for ever."""
    broken = {name: content for name, content in WHOLE.items() if "snowflake/ingest" not in name}
    app = render(root, broken)

    with pytest.raises(PackagingFailedError, match=r"lacks .*snowflake/ingest/__init__\.py"):
        package_app(app, "local", TARGET)
    assert not (app / ".chalice/deployments").exists()
    assert not list(app.parent.glob("package-*"))


def test_code_without_schemas_is_refused(root):
    """An app that knows no contract must not be deployed."""
    shutil.rmtree(root / "chalicelib/contracts")

    with pytest.raises(PackagingFailedError, match="chalicelib/contracts/schemas/"):
        package_app(render(root, WHOLE), "local", TARGET)


def test_function_without_a_role_is_refused(root):
    """A new function that nobody gave a role is named, not deployed with somebody else's."""
    with pytest.raises(PackagingFailedError, match="no role of its own: Load"):
        package_app(render(root, WHOLE, {"api_handler": ROLES["api_handler"]}), "local", TARGET)


def test_broken_app_shows_what_chalice_said(root):
    """The cause stands in the error, not in a log somewhere."""
    (root / "app.py").write_text("raise ValueError('no such stream')")

    with pytest.raises(PackagingFailedError, match="no such stream"):
        package_app(render(root, WHOLE), "local", TARGET)


def test_template_body_places_both_zips():
    """`CodeUri` and `ContentUri` point at the bucket; the template given stays as it was."""
    template = {
        "Resources": {
            "Load": {"Properties": {"CodeUri": "./deployment.zip", "Timeout": 30}},
            "Layer": {"Properties": {"ContentUri": "./layer-deployment.zip"}},
            "Bare": {},
        }
    }
    package = AppPackage(template, Path("code-1.zip"), Path("layer-1.zip"))
    located = json.loads(package.template_body("artifacts", "code-1.zip", "layer-1.zip"))["Resources"]

    assert located["Load"]["Properties"] == {"CodeUri": {"Bucket": "artifacts", "Key": "code-1.zip"}, "Timeout": 30}
    assert located["Layer"]["Properties"] == {"ContentUri": {"Bucket": "artifacts", "Key": "layer-1.zip"}}
    assert template["Resources"]["Load"]["Properties"]["CodeUri"] == "./deployment.zip"
