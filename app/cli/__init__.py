"""The ``corrigenda`` command."""
