"""The local OpenAlex: works, filters and prices."""

from jobrunner.demo.openalex.api import OpenAlex

__all__ = ["OpenAlex"]
