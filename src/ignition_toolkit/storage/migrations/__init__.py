"""Alembic environment. `schema.py` runs it; there is no ini file and no command line."""
