"""Step kinds, one module of handlers per family."""
