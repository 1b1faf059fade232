"""Step kinds of a company's own: wait for a filling line, give it a recipe."""
