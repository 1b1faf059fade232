"""Dispatchers: when an execution may start. The local one needs no other machine."""
