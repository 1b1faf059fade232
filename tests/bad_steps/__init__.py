"""Step kinds that each lose a cancel in one way, to be caught by linter, contract or watchdog.

Nothing here is a model for a step of your own. They are no entry points: who wants one names its
module, see `tests.bad_steps.kinds`. Each docstring says what is wrong, and the fix.
"""
