"""Luigi: a task with a target a batch; a batch whose file is there is complete."""

# Types are checked without the package, too.
# mypy: allow-untyped-calls, allow-subclassing-any, disable-error-code="import-not-found"

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import luigi
import orjson

from benchmarks.speed.output import write
from benchmarks.speed.peers.batches import Records, answers, batches, by_source, joined


class Enrich(luigi.Task):
    """What a source knows of a batch, as JSON Lines."""

    directory = luigi.Parameter()
    source = luigi.Parameter()
    first = luigi.IntParameter()
    end = luigi.IntParameter()

    def output(self) -> luigi.LocalTarget:
        """Return the file, which has its name once it is whole."""
        name = f"{self.source}-{self.first}.jsonl"
        return luigi.LocalTarget(
            str(Path(self.directory) / "state" / name), format=luigi.format.Nop
        )

    def run(self) -> None:
        """Ask the source."""
        with self.output().open("w") as file:
            for record in answers(self.source, self.first, self.end):
                file.write(orjson.dumps(record) + b"\n")


class Consolidate(luigi.Task):
    """All records of each paper."""

    papers = luigi.Parameter()
    directory = luigi.Parameter()

    def requires(self) -> list[Enrich]:
        """Need every batch."""
        return [
            Enrich(directory=self.directory, source=source, first=first, end=end)
            for source, first, end in batches(Path(self.papers))
        ]

    def output(self) -> luigi.LocalTarget:
        """Return the output, which has its name once it is whole."""
        return luigi.LocalTarget(f"{self.directory}/out.json")

    def run(self) -> None:
        """Read the batches of all sources side by side."""
        sources = map(_read, by_source(self.requires()))
        write(Path(self.output().path), Path(self.papers), joined(sources))


def _read(tasks: Sequence[Enrich]) -> Iterator[Records]:
    for task in tasks:
        with task.output().open() as file:
            yield [orjson.loads(line) for line in file]


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    task = Consolidate(papers=sys.argv[1], directory=sys.argv[2])
    if not luigi.build([task], local_scheduler=True, log_level="WARNING"):
        sys.exit("luigi: not all tasks succeeded")


if __name__ == "__main__":
    main()
