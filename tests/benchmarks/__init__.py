"""Measurements, run by hand or by ``make bench``: speed as a ratio against something run in the same minute, never asserted."""
