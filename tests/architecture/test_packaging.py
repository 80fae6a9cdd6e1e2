"""What is built and installed: everything is in the wheel, and it works away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from jobrunner.store.schema import HEAD

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip")
TESTED = ROOT / "constraints.txt"

pytestmark = pytest.mark.torture  # building takes long, and depends on little

OPEN = """
import sys
from contextlib import closing
from pathlib import Path
import jobrunner
from jobrunner.store import migrations
from jobrunner.store.database import open_database
with closing(open_database(Path("state.db"), create=True)) as database, database.read() as opened:
    revision = opened.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
print(revision, Path(jobrunner.__file__).parent, migrations.migrations_directory(), sep="\\n")
"""


def start(*command: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def run(*command: str | Path, directory: Path) -> str:
    done = start(*command, directory=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def relative_files(directory: Path) -> set[str]:
    return {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that building leaves nothing in it."""
    target = tmp_path_factory.mktemp("packaging") / "checkout"
    target.mkdir()
    for name in ("jobrunner", "migrations", "tests", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "alembic.ini",
        ".gitignore",
        TESTED.name,
    ):
        shutil.copy(ROOT / name, target)
    return target


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """The directory with the sdist, and the wheel that was built from that."""
    probe = start(*PIP, "download", "--no-deps", "hatchling", directory=checkout.parent)
    if probe.returncode != 0:
        pytest.skip(f"no package index can be reached: {probe.stderr.strip()[-200:]}")
    run(sys.executable, "-m", "build", "--outdir", "dist", directory=checkout)
    return checkout / "dist"


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The directory of programs of a fresh environment in which only the wheel is installed."""
    place = built.parent.parent / "environment"
    venv.create(place, with_pip=False)
    programs = place / "bin"
    wheel = next(built.glob("*.whl"))
    install = ("--python", programs / "python", "install", "--quiet", "-c", TESTED, wheel)
    run(*PIP, *install, directory=built)
    return programs


def test_the_wheel_holds_the_whole_package(checkout: Path, built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    package = {f"jobrunner/{name}" for name in relative_files(checkout / "jobrunner")}
    migrations = {
        f"jobrunner/migrations/{name}" for name in relative_files(checkout / "migrations")
    }
    assert package | migrations == {name for name in names if ".dist-info/" not in name}
    assert {"jobrunner/py.typed", "jobrunner/migrations/versions/0001_first_schema.py"} <= names


def test_the_wheel_holds_the_sample(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        sample = [name for name in wheel.namelist() if name.startswith("jobrunner/demo/")]
    data = [name for name in sample if not name.endswith(".py")]
    if not data:
        pytest.skip("the sample has no data files yet")
    assert all(wheel.getinfo(name).file_size > 0 for name in data)


def test_the_sdist_holds_what_a_packager_needs(checkout: Path, built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for directory in ("jobrunner", "migrations", "tests"):
        wanted = {f"{directory}/{name}" for name in relative_files(checkout / directory)}
        assert wanted - names == set()
    assert {"alembic.ini", "README.md", "LICENSE", "pyproject.toml", TESTED.name} <= names


def test_the_license_is_stated_and_enclosed(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        lines = wheel.read(metadata).decode("utf-8").splitlines()
        enclosed = wheel.read(metadata.replace("METADATA", "licenses/LICENSE"))
    assert "License-Expression: MIT" in lines
    assert enclosed == (ROOT / "LICENSE").read_bytes()


def test_the_installed_package_opens_a_database_anywhere(installed: Path, tmp_path: Path) -> None:
    revision, package, migrations = run(
        installed / "python", "-c", OPEN, directory=tmp_path
    ).splitlines()
    assert revision == HEAD
    assert Path(package).is_relative_to(installed.parent)
    assert Path(migrations) == Path(package) / "migrations"


def test_the_installed_command_tells_the_revision_of_a_database(
    installed: Path, tmp_path: Path
) -> None:
    run(installed / "python", "-c", OPEN, directory=tmp_path)
    output = run(installed / "jobrunner", "db", "current", "--db", "state.db", directory=tmp_path)
    assert HEAD in output
