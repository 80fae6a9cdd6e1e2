"""What errors of Python itself mean to a user, told apart by what happened, not by their words."""

from __future__ import annotations

import subprocess
import sys

from jobrunner.files.system_errors import user_error_of

LITTLE_MEMORY = """
import resource
from jobrunner.files.system_errors import user_error_of
error = RuntimeError("whatever Python says of a lock")
print(user_error_of(error))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 20),) * 2)
print(user_error_of(error))
"""


def test_a_runtime_error_where_memory_is_at_its_end_is_told_as_such() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\nmemory ran out\n"


def test_an_error_of_the_system_is_told_with_what_it_is_about() -> None:
    assert str(user_error_of(OSError(5, "why", "place"))) == "cannot use place: why"
    assert str(user_error_of(OSError(5, "why"))) == "the system reports an error: why"


def test_what_nobody_foresaw_is_not_user_error_of() -> None:
    assert user_error_of(RuntimeError("can't start new thread")) is None
    assert user_error_of(KeyError("x")) is None
