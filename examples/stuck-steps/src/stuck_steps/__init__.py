"""Step kinds that do every wrong thing on purpose, to prove that they can be stopped.

Nothing here is a model for a step of your own: see the package acme-steps for that.
"""
