"""Inputs: reading paper lists as people have them."""
