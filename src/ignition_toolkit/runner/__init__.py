"""The child process: reads commands, builds handlers, runs the engine."""
