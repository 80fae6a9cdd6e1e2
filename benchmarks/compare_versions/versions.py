"""The two versions: each a checkout with an environment of its own, with the same dependencies."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HURRY = Path(__file__).with_name("hurry")


class Version(NamedTuple):
    """A version of jobrunner that can be started."""

    name: str
    python: Path

    def start(
        self, directory: Path, arguments: tuple[object, ...], variables: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """Start the program in a directory, with no settings but the given ones."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JOBRUNNER_", "PYTHON"))}
        return subprocess.Popen(
            [self.python.with_name("jobrunner"), *map(str, arguments)],
            cwd=directory,
            env={**kept, "PYTHONPATH": str(HURRY), **variables},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def prepare(which: str, work: Path) -> Version:
    """Return a version: a directory with a checkout, or a commit of this repository.

    Environments are kept in ``work`` and used again. The first one that is made chooses the
    releases of the dependencies for all later ones.
    """
    if Path(which).is_dir():
        checkout = Path(which).resolve()
        name = f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:7]}"
    else:
        name = _git("rev-parse", "--short=12", f"{which}^{{commit}}").decode().strip()
        checkout = work / f"checkout-{name}"
        _unpack(name, checkout)
    place, constraints = work / f"venv-{name}", work / "constraints.txt"
    installed = place / "installed"
    if not installed.exists():
        _install(checkout, place, constraints)
    if not Path(which).is_dir():  # a commit stays what it is, a directory may change
        installed.touch()
    return Version(name, place / "bin" / "python")


def _unpack(commit: str, checkout: Path) -> None:
    if not checkout.exists():
        unfinished = checkout.with_name(f"{checkout.name}.new")
        unfinished.mkdir(parents=True, exist_ok=True)
        archive = _git("archive", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(unfinished, filter="data")
        unfinished.rename(checkout)


def _install(checkout: Path, place: Path, constraints: Path) -> None:
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    same: list[str | Path] = ["-c", constraints] if constraints.exists() else []
    subprocess.run([*install, *same, "-e", checkout], check=True)
    if not constraints.exists():
        freeze: list[str | Path] = [python, "-m", "pip", "freeze", "--exclude", "jobrunner"]
        constraints.write_bytes(subprocess.run(freeze, check=True, capture_output=True).stdout)


def _git(*arguments: str) -> bytes:
    command: list[str | Path] = ["git", "-C", ROOT, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
