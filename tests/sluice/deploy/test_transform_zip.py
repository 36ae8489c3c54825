"""The transform's zip, built from a small project whose wheels are already there."""

import shutil
from pathlib import Path

import pytest

from sluice.deploy.archives import MissingFromArchiveError, files_in, write_archive
from sluice.deploy.target import Target
from sluice.deploy.transform import build_transform_zip, wheel_folder

TARGET = Target("3.11", "x86_64")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the transform's parts, and one that must stay out."""
    sources = {
        "requirements.txt": "orjson==3.13.0\njsonschema-rs==0.60.3\nrequests==2.33.0\n",
        "firehose_transform/handler.py": "",
        "chalicelib/__init__.py": "",
        "chalicelib/core/__init__.py": "",
        "chalicelib/contracts/__init__.py": "",
        "chalicelib/contracts/schemas/order.placed/1-0-0.json": "{}",
        "chalicelib/adapters/snowpipe.py": "import requests",
    }
    for name, text in sources.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


@pytest.fixture
def build_dir(project: Path, tmp_path: Path) -> Path:
    """Return a build folder that holds both wheels, so that nothing is fetched."""
    folder = wheel_folder(project, tmp_path / "build", TARGET)
    for package in ("orjson", "jsonschema_rs"):
        write_archive(folder, package, {f"{package}/__init__.py": b""}).rename(folder / f"{package}-1.whl")
    return tmp_path / "build"


def test_zip_holds_our_code_and_the_wheels_and_nothing_else(project, build_dir):
    """Core, contracts with their schemas, the handler and both packages are in; adapters are not."""
    files = files_in(build_transform_zip(project, build_dir, TARGET))

    assert sorted(files) == [
        "chalicelib/__init__.py",
        "chalicelib/contracts/__init__.py",
        "chalicelib/contracts/schemas/order.placed/1-0-0.json",
        "chalicelib/core/__init__.py",
        "firehose_transform/handler.py",
        "jsonschema_rs/__init__.py",
        "orjson/__init__.py",
    ]


def test_unchanged_sources_give_the_same_name_and_changed_ones_another(project, build_dir):
    """The name follows the content: CloudFormation sees an update exactly when there is one."""
    first = build_transform_zip(project, build_dir, TARGET)
    again = build_transform_zip(project, build_dir, TARGET)
    (project / "firehose_transform/handler.py").write_text("changed = True")
    changed = build_transform_zip(project, build_dir, TARGET)

    assert first == again
    assert first.name != changed.name


def test_missing_handler_is_named(project, build_dir):
    """A zip that could not run is never handed out without a word."""
    (project / "firehose_transform/handler.py").unlink()

    with pytest.raises(MissingFromArchiveError, match=r"firehose_transform/handler\.py"):
        build_transform_zip(project, build_dir, TARGET)


def test_missing_package_is_named(project, build_dir):
    """A wheel without the package it is named after is noticed."""
    folder = wheel_folder(project, build_dir, TARGET)
    shutil.copy(folder / "orjson-1.whl", folder / "jsonschema_rs-1.whl")

    with pytest.raises(MissingFromArchiveError, match="jsonschema_rs"):
        build_transform_zip(project, build_dir, TARGET)


def test_wheels_of_other_machines_lie_elsewhere(project, tmp_path):
    """Another Python, processor or pin never meets this one's cache."""
    folders = {wheel_folder(project, tmp_path, Target(p, a)) for p in ("3.11", "3.13") for a in ("x86_64", "arm64")}
    (project / "requirements.txt").write_text("orjson==3.13.1\njsonschema-rs==0.60.3\n")

    assert len(folders) == 4
    assert wheel_folder(project, tmp_path, TARGET) not in folders
