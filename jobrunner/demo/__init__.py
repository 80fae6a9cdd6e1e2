"""The demo: a small paper list, and a local server that implements OpenAlex's protocol."""
