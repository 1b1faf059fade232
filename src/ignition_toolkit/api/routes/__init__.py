"""The addresses, one module per family. Handlers ask the worker and never block the loop."""
