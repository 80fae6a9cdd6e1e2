"""The same work in other tools, each used as its documentation recommends for such a job.

Every script is started as ``python -m benchmarks.speed.peers.NAME INPUT DIRECTORY``, keeps its
state in the directory, and goes on where it was when it is started again. The packages are the
extra `peers`.
"""
