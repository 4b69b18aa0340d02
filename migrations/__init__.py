"""Alembic's folder: every change of the tables, in order. ``store.migrate`` runs it; nothing here imports the tables but ``env``."""
