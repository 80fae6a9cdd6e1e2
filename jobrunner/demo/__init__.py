"""The demonstration: a small list of papers, and a local server that speaks OpenAlex's protocol."""
