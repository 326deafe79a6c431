"""What is live, and how it answers: the reader of what is live, predictions, the pin of the settings."""
