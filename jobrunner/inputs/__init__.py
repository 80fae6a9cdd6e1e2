"""Inputs: reads paper lists in the formats that people use."""
