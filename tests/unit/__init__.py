"""Tests of single modules: the folders and files of ``jobrunner``."""
