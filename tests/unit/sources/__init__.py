"""Tests of the sources, against handlers that speak the services' protocols."""
