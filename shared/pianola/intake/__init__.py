"""What comes in from strangers: names, archives, and the one way by which files enter a dataset."""
