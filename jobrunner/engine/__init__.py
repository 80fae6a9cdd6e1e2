"""The run of a session: its loop, workers, queues of batches, calls to sources, stopping."""
