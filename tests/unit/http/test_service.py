"""The settings of a service are checked, and its key is not shown."""

from __future__ import annotations

import pytest

from jobrunner.errors import (
    SettingsError,
)
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
