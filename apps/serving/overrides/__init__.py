"""What people decide of predictions: the level they give a pair in place of the model's, for a while, and why."""
