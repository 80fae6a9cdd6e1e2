"""All HTTP code: client, retries, rate limit, budget, responses."""
