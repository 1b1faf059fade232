"""The cancellation linter: ways of losing a cancel, found in the code of step handlers.

It imports nothing else of ours. The engine (`lint_paths`) knows no face; the command line's is in
`ignition_toolkit.cli`, pylint's in `ignition_toolkit.lint.pylint`. It needs astroid, which comes
with `pip install 'ignition-toolkit[lint]'`.
"""
