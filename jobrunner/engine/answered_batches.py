"""Commit the answers of one source and count its failures."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from jobrunner import crash_points
from jobrunner.engine.run_context import RunContext
from jobrunner.engine.source_calls import Answers
from jobrunner.errors import TooManyFailures
from jobrunner.files.run_log import ranges
from jobrunner.models import Answer, BatchKind, Outcome, Paper, Usage
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.rows import SourceRow

log = logging.getLogger(__name__)

FAILED_COUNT = 25
FAILED_SHARE = 0.5
"""A source stops when at least this many papers and at least this share of a run's papers have
failed. The count keeps a few early failures from stopping it; the share tolerates isolated bad
papers in a large session."""


class AnsweredBatches:
    """Commits the answers of one source and stops it when too many papers have failed."""

    def __init__(self, context: RunContext, source: SourceRow) -> None:
        self._context = context
        self._source = source
        self._answered = 0
        self._failed = 0

    def commit(
        self,
        kind: BatchKind,
        papers: Sequence[Paper],
        answers: Answers,
        usage: Usage,
        started_at: str,
    ) -> bool:
        """Commit the answers, even if other papers got none. Return whether anything was committed.

        Requests are committed even without an answer. Otherwise each run could exceed the limits
        that hold for all runs of the session together.
        """
        if not answers and not usage.requests:
            return False
        crash_points.point("batch.answered")
        # Keep the order of the papers: sources may answer in any order.
        answered = [paper for paper in papers if paper.id in answers]
        in_order = {paper.id: answers[paper.id] for paper in answered}
        batch = Batch(kind=kind, answers=in_order, usage=usage, started_at=started_at)
        context, name = self._context, self._source.name
        number = commit_batch(context.database, context.lease, self._source, batch)
        positions = ranges(paper.position for paper in answered)
        facts = {"committed": {"source": name, "batch": number, "papers": positions}}
        log.info("%s: %s batch of %d committed", name, kind, len(answered), extra={"facts": facts})
        return True

    def check_failures(self, answers: Answers) -> None:
        """Count the answers that failed. Raises TooManyFailures."""
        final = [answer for answer in answers.values() if answer is not None]
        failures = [answer for answer in final if answer.outcome is Outcome.FAILED]
        self._answered += len(final)
        self._failed += len(failures)
        if self._failed >= FAILED_COUNT and self._failed >= FAILED_SHARE * self._answered:
            raise self._too_many(failures)

    def _too_many(self, failures: Sequence[Answer]) -> TooManyFailures:
        example = failures[0].error if failures else "see run.log"
        return TooManyFailures(
            f"{self._source.name}: {self._failed} of {self._answered} papers failed;"
            f" last: {example}",
            hint=f"find out why, then `jobrunner retry {self._context.lease.session_id} --failed`",
        )
