"""Running a session: the main loop, workers, batch queues, source calls and shutdown."""
