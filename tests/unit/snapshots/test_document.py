"""The lines of a snapshot document: other programs read them, and so do later versions."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from jobrunner.store.rows import CommittedBatch

LINE = (
    b'{"source":"openalex","number":3,"kind":"lookup","run":1,"papers":10,"enriched":4,'
    b'"not_found":3,"ambiguous":1,"failed":0,"passed_on":2,"requests":5,"retries":1,'
    b'"cost_micros":100,"fields":{"doi":4,"title":4},"started_at":"2026-11-24T01:30:00.000Z",'
    b'"committed_at":"2026-11-24T01:30:01.000Z"}'
)
BATCH = CommittedBatch(
    source="openalex",
    number=3,
    kind="lookup",
    run=1,
    papers=10,
    enriched=4,
    not_found=3,
    ambiguous=1,
    failed=0,
    passed_on=2,
    requests=5,
    retries=1,
    cost_micros=100,
    fields=Raw(b'{"doi":4,"title":4}'),
    started_at="2026-11-24T01:30:00.000Z",
    committed_at="2026-11-24T01:30:01.000Z",
)


def test_a_batch_is_written_with_its_names_first_and_its_figures_in_the_order_of_the_row() -> None:
    assert msgspec.json.encode(BATCH).startswith(LINE.removesuffix(b"}"))


def test_a_batch_of_the_first_version_is_read() -> None:
    assert msgspec.json.decode(LINE, type=CommittedBatch) == BATCH
