"""Training as a run in a folder: recipes, checkpoints, what watches it, and the generators that are shipped."""
