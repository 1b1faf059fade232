"""The commands, one module per family; each imports what it needs when it is called."""
