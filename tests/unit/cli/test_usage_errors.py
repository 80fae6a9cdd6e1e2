"""Wrong arguments: the message is ours, names what is wrong and says what to do next."""

from __future__ import annotations

import shlex

import pytest

from jobrunner.cli.main import app
from jobrunner.errors import ExitCode, SettingsError


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("run --maxtime 3", "unknown option --maxtime", "did you mean --max-time or --email?"),
        ("run list.json --zzz=3", "unknown option --zzz", "see `jobrunner run --help`"),
        ("review -x", "unknown option -x", "see `jobrunner review --help`"),
        ("--zzz", "unknown option --zzz", "see `jobrunner --help`"),
        ("run", "INPUT is missing", "see `jobrunner run --help`"),
        ("sessions delete", "SESSION is missing", "see `jobrunner sessions delete --help`"),
        ("run a b", "too many arguments: the usage is jobrunner run INPUT", None),
        ("status a b", "too many arguments: the usage is jobrunner status [SESSION]", None),
        ("doctor a", "too many arguments: the usage is jobrunner doctor", None),
        ("run a --db", "--db needs a value", "see `jobrunner run --help`"),
        ("snapshot -o", "-o needs a value", "see `jobrunner snapshot --help`"),
        ("run a --in-order=3", "--in-order takes no value", "see `jobrunner run --help`"),
        ("statsu", "unknown command 'statsu'", "did you mean status?"),
        ("zzz", "unknown command 'zzz'", "see `jobrunner --help`"),
        ("sessions lst", "unknown command 'lst'", "did you mean list?"),
        ("db zzz", "unknown command 'zzz'", "see `jobrunner db --help`"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_do_next(
    line: str, message: str, hint: str | None
) -> None:
    with pytest.raises(SettingsError) as caught:
        app(shlex.split(line), prog_name="jobrunner")
    assert str(caught.value) == message
    assert caught.value.exit_code == ExitCode.USAGE
    assert hint is None or caught.value.hint == hint
