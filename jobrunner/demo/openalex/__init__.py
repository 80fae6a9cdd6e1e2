"""A local server's OpenAlex: the works that it holds, its filters, its prices."""

from jobrunner.demo.openalex.api import OpenAlex

__all__ = ["OpenAlex"]
