"""Settings in files: which file counts, what may stand in it, and what is never shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner.consolidation.policy import Policy
from jobrunner.errors import SettingsError
from jobrunner.settings.settings import DEFAULT_SOURCES, Settings, read_settings

KNOWN = ("crossref", "openalex")
KEY = "planted-key-0815"

WHOLE = f"""
email = "me@example.org"
sources = ["crossref", "openalex", "crossref"]

[openalex]
api_key = " {KEY} "
base_url = "http://127.0.0.1:8080"

[crossref]
api_key = ""

[policy]
priority = ["crossref"]
given_first = ["title", "venue"]
[policy.fields]
abstract = ["openalex"]
"""


def written(directory: Path, **files: str) -> Path:
    """Write files by their names without the suffix."""
    for name, text in files.items():
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    return directory


def config(directory: Path, **variables: str) -> Settings:
    return read_settings(directory, variables, KNOWN)


def project(text: str) -> str:
    """Return a file of a project that holds settings of others and these."""
    return f'[project]\nname = "mine"\n[tool.ruff]\nline-length = 100\n[tool.jobrunner]\n{text}'


# ---- what stands in a file


def test_a_file_holds_address_sources_keys_and_policy(tmp_path: Path) -> None:
    found = config(written(tmp_path, jobrunner=WHOLE))
    assert found.email == "me@example.org"
    assert found.keys == {"openalex": KEY}
    assert found.base_urls == {"openalex": "http://127.0.0.1:8080"}
    assert found.policy == Policy(
        priority=("crossref",),
        given_first=frozenset({"title", "venue"}),
        fields={"abstract": ("openalex",)},
    )


def test_sources_named_by_options_count_before_those_of_the_file(tmp_path: Path) -> None:
    settings = config(written(tmp_path, jobrunner=WHOLE))
    assert settings.sources_to_ask(["openalex", "openalex"]) == ("openalex",)
    assert settings.sources_to_ask([]) == ("crossref", "openalex")


def test_a_source_named_twice_is_asked_once(tmp_path: Path) -> None:
    found = config(written(tmp_path, jobrunner=WHOLE))
    assert found.default_sources == ("crossref", "openalex")


def test_a_blank_key_counts_as_none(tmp_path: Path) -> None:
    found = config(written(tmp_path, jobrunner='[openalex]\napi_key = " "\nbase_url = ""'))
    assert (found.keys, found.base_urls) == ({}, {})


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert config(written(tmp_path, jobrunner="")) == Settings()


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    assert config(tmp_path) == Settings()


def test_a_configuration_does_not_show_its_keys(tmp_path: Path) -> None:
    found = config(written(tmp_path, jobrunner=WHOLE))
    assert KEY not in repr(found) + str(found)
    assert "keys of ['openalex']" in repr(found)


# ---- which file counts


def test_a_table_in_the_file_of_the_project_says_the_same(tmp_path: Path) -> None:
    mine = config(written(tmp_path, pyproject=project('[tool.jobrunner.openalex]\napi_key = "k"')))
    assert mine.keys == {"openalex": "k"}


@pytest.mark.parametrize("text", ['[project]\nname = "mine"', "tool = 3", "[tool]\nother = 1", ""])
def test_a_project_without_such_a_table_says_nothing(text: str, tmp_path: Path) -> None:
    found = config(written(tmp_path, pyproject=text))
    assert (found.email, found.keys, found.default_sources) == (None, {}, DEFAULT_SOURCES)


def test_the_file_of_its_own_counts_before_that_of_the_project(tmp_path: Path) -> None:
    both = written(tmp_path, jobrunner='email = "a@b.org"', pyproject=project('email = "c@d.org"'))
    assert config(both).email == "a@b.org"


def test_a_variable_names_another_file(tmp_path: Path) -> None:
    written(tmp_path, jobrunner='email = "a@b.org"', other='email = "c@d.org"')
    found = config(tmp_path, JOBRUNNER_CONFIG=str(tmp_path / "other.toml"))
    assert found.email == "c@d.org"


def test_a_variable_may_name_the_file_of_a_project(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    written(place, pyproject=project('email = "c@d.org"'))
    found = config(tmp_path, JOBRUNNER_CONFIG=str(place / "pyproject.toml"))
    assert found.email == "c@d.org"


def test_an_empty_variable_names_none(tmp_path: Path) -> None:
    written(tmp_path, jobrunner='email = "a@b.org"')
    assert config(tmp_path, JOBRUNNER_CONFIG="").email == "a@b.org"


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*nosuch\.toml"):
        config(tmp_path, JOBRUNNER_CONFIG=str(tmp_path / "nosuch.toml"))


# ---- what may not stand in it


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('emial = "a@b.org"', "emial"),
        ("email = 3", "email"),
        ('[scopus]\napi_key = "k"', "scopus"),
        (f'openalex = "{KEY}"', "openalex"),
        (f'[openalex]\nkey = "{KEY}"', r"openalex\.key"),
        (f'[openalex]\napi_key = ["{KEY}"]', r"openalex\.api_key"),
        ('sources = "openalex"', "sources"),
        ('sources = [["openalex"]]', "sources"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_known_ones(
    text: str, name: str, tmp_path: Path
) -> None:
    with pytest.raises(
        SettingsError, match=rf"jobrunner\.toml: {name} is unknown or has the wrong type"
    ) as caught:
        config(written(tmp_path, jobrunner=text))
    assert caught.value.hint
    assert KEY not in str(caught.value) + caught.value.hint


def test_a_table_of_the_project_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"tool\.jobrunner is unknown or has the wrong type"
    ) as caught:
        config(written(tmp_path, pyproject=f'[tool]\njobrunner = "{KEY}"'))
    assert KEY not in str(caught.value)


def test_a_policy_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"jobrunner\.toml: policy: .*priorities"):
        config(written(tmp_path, jobrunner='[policy]\npriorities = ["openalex"]'))


def test_a_policy_of_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"jobrunner\.toml: policy: unknown source 'scopus'"):
        config(written(tmp_path, jobrunner='[policy]\npriority = ["openalex", "scopus"]'))


@pytest.mark.parametrize(
    "text",
    [
        f'[openalex]\napi_key = "{KEY}',
        f"[openalex]\napi_key = {KEY}",
        f'[openalex]\napi_key = "{KEY}\\q"',
        f'[openalex]\napi_key = "k" "{KEY}"',
        f'[openalex]\napi_key = "k"\napi_key = "{KEY}"',
        f'[openalex]\napi_key = "{KEY}"\n[openalex]',
        f'[openalex]\napi_key = "{KEY}"\nemail',
        f"[openalex]\napi_key: {KEY}",
        f'[openalex]\napi_key = "{KEY}"\x00',
    ],
)
def test_a_file_that_is_no_toml_is_refused_without_its_text(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"jobrunner\.toml: line [123] is not valid TOML$"
    ) as caught:
        config(written(tmp_path, jobrunner=text))
    assert KEY not in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_unknown_source_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names an unknown source 'scopus'") as caught:
        config(written(tmp_path, jobrunner='sources = ["openalex", "scopus"]'))
    assert caught.value.hint == "known: crossref, openalex"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobrunner.toml").write_bytes(b"\xff\xfe" + KEY.encode())
    with pytest.raises(SettingsError, match="is not UTF-8 text") as caught:
        config(tmp_path)
    assert KEY not in str(caught.value)


# ---- options, environment, file

FILE = """
email = "file@example.org"
[openalex]
api_key = "of-file"
base_url = "http://file"
[crossref]
api_key = "of-file"
base_url = "http://file"
"""
VARIABLES = {
    "JOBRUNNER_EMAIL": "variable@example.org",
    "JOBRUNNER_OPENALEX_API_KEY": " of-variable ",
    "JOBRUNNER_OPENALEX_BASE_URL": "http://variable",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a configuration file."""
    return written(tmp_path, jobrunner=FILE)


def test_the_file_counts_if_nothing_else_is_said(place: Path) -> None:
    settings = config(place)
    assert settings.email == "file@example.org"
    assert settings.keys == {"openalex": "of-file", "crossref": "of-file"}
    assert settings.base_urls == {"openalex": "http://file", "crossref": "http://file"}


def test_a_variable_counts_before_the_file(place: Path) -> None:
    settings = config(place, **VARIABLES)
    assert settings.email == "variable@example.org"
    assert settings.keys == {"openalex": "of-variable", "crossref": "of-file"}
    assert settings.base_urls == {"openalex": "http://variable", "crossref": "http://file"}


def test_an_option_counts_before_all(place: Path) -> None:
    settings = read_settings(
        place,
        VARIABLES,
        KNOWN,
        email="option@example.org",
        base_urls=["openalex=http://option"],
    )
    assert settings.email == "option@example.org"
    assert settings.base_urls == {"openalex": "http://option", "crossref": "http://file"}


@pytest.mark.parametrize("option", ["openalex", "openalex="])
def test_an_address_without_its_source_is_refused(option: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not have the form NAME=URL"):
        read_settings(tmp_path, {}, KNOWN, base_urls=[option])


def test_an_address_of_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--base-url names an unknown source 'scopus'"):
        read_settings(tmp_path, {}, KNOWN, base_urls=["scopus=http://x"])


def test_an_empty_variable_does_not_hide_the_file(place: Path) -> None:
    settings = config(place, **dict.fromkeys(VARIABLES, ""))
    assert (settings.email, settings.keys["openalex"]) == ("file@example.org", "of-file")


def test_what_is_no_address_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    refused = pytest.raises(SettingsError, match="'me' is not a valid e-mail address")
    with refused:
        read_settings(tmp_path, {}, KNOWN, email="me")
    with refused:
        config(tmp_path, JOBRUNNER_EMAIL="me")
    with refused:
        config(written(tmp_path, jobrunner='email = "me"'))


@pytest.mark.parametrize(
    "email", ["@", "a@b@c", "a b@c.org", "jörg@c.org", "a@bücher.org", "a@c.org\x7f", "a@c\r\nX: 1"]
)
def test_an_address_that_no_header_can_hold_is_refused(email: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not a valid e-mail address"):
        read_settings(tmp_path, {}, KNOWN, email=email)


def test_settings_do_not_show_keys(place: Path) -> None:
    settings = config(place)
    assert "of-file" not in repr(settings) + repr(settings.of("openalex"))


def test_one_sources_settings_are_its_own(place: Path) -> None:
    crossref = config(place, **VARIABLES).of("crossref")
    assert (crossref.api_key, crossref.base_url) == ("of-file", "http://file")
    assert crossref.email == "variable@example.org"


# ---- the user's own file, and which address the user has named


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the user's own file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    directory = tmp_path / "config" / "jobrunner"
    directory.mkdir(parents=True)
    return directory


def test_the_users_own_file_ranks_below_that_of_the_directory(own: Path, tmp_path: Path) -> None:
    written(own, config='email = "own@b.org"\nsources = ["crossref"]\n[crossref]\napi_key = "own"')
    written(tmp_path, jobrunner='email = "here@b.org"\n[openalex]\napi_key = "here"')
    found = config(tmp_path)
    assert found.email == "here@b.org"
    assert found.default_sources == ("crossref",)
    assert found.keys == {"crossref": "own", "openalex": "here"}


URL = "http://127.0.0.1:1"
ADDRESS = f'[openalex]\nbase_url = "{URL}"'


def named_in(settings: Settings) -> tuple[str, bool]:
    address = settings.addresses["openalex"]
    assert address.url == URL
    return address.origin, address.named


def test_an_address_of_the_user_is_named_and_one_of_the_directory_is_not(
    own: Path, tmp_path: Path
) -> None:
    variables = {"JOBRUNNER_OPENALEX_BASE_URL": URL}
    assert named_in(config(tmp_path, **variables)) == ("JOBRUNNER_OPENALEX_BASE_URL", True)
    option = read_settings(tmp_path, {}, KNOWN, base_urls=[f"openalex={URL}"])
    assert named_in(option) == ("--base-url", True)
    written(own, config=ADDRESS)
    assert named_in(config(tmp_path)) == (str(own / "config.toml"), True)
    written(tmp_path, pyproject=project(f"[tool.jobrunner.openalex]\nbase_url = '{URL}'"))
    assert named_in(config(tmp_path)) == (str(tmp_path / "pyproject.toml"), False)
    written(tmp_path, jobrunner=ADDRESS)
    assert named_in(config(tmp_path)) == (str(tmp_path / "jobrunner.toml"), False)


def test_a_file_named_by_its_whole_path_is_the_users_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, other=ADDRESS)
    monkeypatch.chdir(tmp_path)
    assert named_in(config(tmp_path, JOBRUNNER_CONFIG="other.toml")) == ("other.toml", False)
    whole = str(tmp_path / "other.toml")
    assert named_in(config(tmp_path, JOBRUNNER_CONFIG=whole)) == (whole, True)


def test_a_relative_directory_of_the_user_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be a directory of whoever made the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    (tmp_path / "config" / "jobrunner").mkdir(parents=True)
    written(tmp_path / "config" / "jobrunner", config=ADDRESS)
    assert config(tmp_path) == Settings()


def test_an_address_remembered_by_a_session_is_not_named(tmp_path: Path) -> None:
    address = config(tmp_path).address_of("openalex", {"openalex": URL})
    assert address is not None
    assert not address.named
