"""The step contract: tries a step kind at every moment of a cancel, in processes of their own.

It is run by the test kit, `ignition_toolkit.testing`, and needs no pytest itself.
"""
