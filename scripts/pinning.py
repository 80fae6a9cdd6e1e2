"""Write the two constraints files from what pip installs into fresh virtual environments.

``constraints.txt`` holds the newest versions that ``pyproject.toml`` allows, and
``constraints-lowest.txt`` its lower bounds with what those need. Both are found with every Python
of the classifiers that this machine has, since what is needed differs between them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYENV = Path.home() / ".pyenv" / "versions"
CLASSIFIER = "Programming Language :: Python :: 3."
TESTED = "# The versions that are tested; scripts/constraints writes them.\n"
LOWEST = "# The lowest versions allowed, with what they need; scripts/constraints writes them.\n"
NEXT = """\
Now test them:
  python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e '.[dev]' && .venv/bin/pytest
  .ci/run"""

Installed = Mapping[str, str]
"""The version of each package of an environment, by its name."""


def requirements(project: Mapping[str, object]) -> list[Requirement]:
    """What the package and its development need directly."""
    match project:
        case {"dependencies": list(own), "optional-dependencies": {"dev": list(dev)}}:
            return [Requirement(text) for text in (*own, *dev)]
    raise SystemExit("pyproject.toml states no dependencies, or no extra dev")


def lowest(requirement: Requirement) -> str:
    """The same requirement, met by its lower bound alone."""
    bounds = [one.version for one in requirement.specifier if one.operator == ">="]
    if len(bounds) != 1:
        raise SystemExit(f"pyproject.toml must state one lower bound: {requirement}")
    return f"{requirement.name}=={bounds[0]}"


def pythons(project: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each Python of the classifiers that works here: its version, and how it is called."""
    match project:
        case {"classifiers": list(classifiers)}:
            named = [str(one).rsplit(" ", 1)[1] for one in classifiers if CLASSIFIER in one]
        case _:
            named = []
    for version in named:
        program = next(filter(_works, _programs(version)), None)
        if program is None:
            print(
                f"Python {version} is not here: the files may lack what it needs", file=sys.stderr
            )
        else:
            yield version, program


def _programs(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path
    for path in sorted(PYENV.glob(f"{version}.*/bin/python{version}")):
        yield str(path)


def _works(program: str) -> bool:
    """Whether it starts and can make environments; a shim may stand for a Python that is not on."""
    command = (program, "-c", "import venv, ensurepip")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def installed(program: str, wanted: list[str]) -> Installed:
    """What a fresh environment holds after the wanted packages were installed."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run((program, "-m", "venv", place), check=True)
        pip = f"{place}/bin/pip"
        subprocess.run((pip, "install", "--quiet", *wanted), check=True)
        listing = (pip, "list", "--format=json", "--exclude=pip", "--exclude=setuptools")
        listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    return {canonicalize_name(one["name"]): one["version"] for one in json.loads(listed)}


def lines(found: Mapping[str, Installed]) -> Iterator[str]:
    """A line for each package; with a marker where not all Pythons have it in that version."""
    pins = sorted({pin for packages in found.values() for pin in packages.items()})
    for name, version in pins:
        having = [python for python, packages in found.items() if packages.get(name) == version]
        marker = " or ".join(f'python_version == "{python}"' for python in having)
        yield f"{name}=={version}" + ("" if len(having) == len(found) else f" ; {marker}")


def write(path: Path, head: str, found: Mapping[str, Installed]) -> None:
    path.write_text(head + "".join(f"{line}\n" for line in lines(found)), encoding="utf-8")
    print(f"wrote {path.name}, found with Python {', '.join(found)}")


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = requirements(project)
    programs = dict(pythons(project))
    if not programs:
        raise SystemExit("none of the Pythons that the classifiers name is here")
    newest = [str(requirement) for requirement in needed]
    least = [lowest(requirement) for requirement in needed]
    for name, head, wanted in (
        ("constraints.txt", TESTED, newest),
        ("constraints-lowest.txt", LOWEST, least),
    ):
        found = {version: installed(program, wanted) for version, program in programs.items()}
        write(ROOT / name, head, found)
    print(NEXT)


if __name__ == "__main__":
    main()
