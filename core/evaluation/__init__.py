"""Measuring on data: what ``corrigenda eval`` reads, how the draw of reviews and the splits are made, and what it compares with."""
