"""Local stand-ins for the services, and a small list of papers to try the program with.

They speak each service's protocol as strictly as the service itself, on this machine only, and
can be told to misbehave (:mod:`jobrunner.sample.faults`). The tests and the demonstration run
against them.
"""

from jobrunner.sample.crossref import Crossref
from jobrunner.sample.limits import Violation
from jobrunner.sample.messages import Allowed, Api, Fault, Plan, Reply, Request
from jobrunner.sample.openalex import OpenAlex
from jobrunner.sample.records import PAPERS, WORKS, load_records, read_records
from jobrunner.sample.semantic_scholar import SemanticScholar
from jobrunner.sample.server import LocalServer, Served, read_log

__all__ = [
    "PAPERS",
    "WORKS",
    "Allowed",
    "Api",
    "Crossref",
    "Fault",
    "LocalServer",
    "OpenAlex",
    "Plan",
    "Reply",
    "Request",
    "SemanticScholar",
    "Served",
    "Violation",
    "load_records",
    "read_log",
    "read_records",
]
