"""The settings of a service are checked, and its key is not shown."""

from __future__ import annotations

import pytest

from jobrunner.errors import (
    SettingsError,
)
from jobrunner.http.service import may_carry_key
from tests.unit.http.scripted_service import SECRET, answer, client


@pytest.mark.parametrize("key", ["new\nline", "kée", "tab\t", " padded"])
def test_a_key_no_header_can_hold_is_a_settings_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        client(lambda _: answer(), headers={"x-api-key": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "demo.test", "ftp://x", "http://", "http://u:p@h", "http://h:x"]
)
def test_a_wrong_base_url_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="base URL"):
        client(lambda _: answer(), base_url=url)


def test_nothing_prints_a_key() -> None:
    service = client(lambda _: answer()).service
    assert SECRET not in repr(service)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://api.example.org", True),
        ("http://127.0.0.1:8080/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80", True),
        ("http://LOCALHOST:9", True),
        ("http://api.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://127.0.0.1@example.org", False),
        ("http://localhost.example.org", False),
        ("http://localhost.", False),
        ("http://0x7f.1", False),
        ("http://0.0.0.0", False),
        ("http://192.168.0.1", False),
    ],
)
def test_a_key_travels_encrypted_or_within_this_machine(url: str, may: bool) -> None:
    assert may_carry_key(url) is may
