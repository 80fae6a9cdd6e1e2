"""What a power cut may leave of a session, tried on recorded runs."""
