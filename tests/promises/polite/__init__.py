"""What services ask of their users is kept, and no key of a user gets out."""
