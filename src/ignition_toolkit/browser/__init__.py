"""Browsers under control: found, started, stopped for certain. Importing it imports no library."""
