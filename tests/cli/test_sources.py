"""``sources``: limits, keys and addresses, and why a source cannot be used."""

from __future__ import annotations

from jobrunner.sources.registry import available
from tests.support.program import KEY, Program


def test_sources_are_listed_with_limits_keys_and_addresses(program: Program) -> None:
    lines = program.call("sources").stdout.splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(available())
    [openalex] = [line for line in lines if line.startswith("openalex ")]
    assert "JOBRUNNER_OPENALEX_API_KEY is set" in openalex
    assert program.environment["JOBRUNNER_OPENALEX_BASE_URL"] in openalex
    assert KEY not in openalex


def test_sources_are_listed_as_json(program: Program) -> None:
    listed = {source["name"]: source for source in program.json("sources")}
    openalex = listed["openalex"]
    assert set(listed) == set(available())
    assert openalex["key_set"] is True
    assert openalex["requests_per_second"] > 0
    assert "doi" in openalex["schemes"]


def test_an_address_that_is_given_is_shown(program: Program) -> None:
    address = "http://127.0.0.1:1"
    assert address in program.call("sources", "--base-url", f"openalex={address}").stdout


def test_what_cannot_be_used_is_told_and_hides_no_other_source(program: Program) -> None:
    secret = "http://me:planted-password@127.0.0.1:9"
    done = program.call("sources", "--base-url", f"openalex={secret}")
    assert "unusable source: openalex: the base URL must be http(s)://" in done.stderr
    assert "crossref" in done.stdout
    assert "planted-password" not in done.stdout + done.stderr
    listed = {
        one["name"]: one for one in program.json("sources", "--base-url", f"openalex={secret}")
    }
    assert set(listed["openalex"]) == {"name", "error"}
