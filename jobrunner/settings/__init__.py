"""What the user has set, and which of it may be trusted."""
