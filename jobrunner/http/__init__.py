"""The only HTTP: client, retry, rate limit, budget, responses."""
