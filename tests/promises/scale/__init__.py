"""What does not grow with the number of papers: memory, and the questions to the database."""
