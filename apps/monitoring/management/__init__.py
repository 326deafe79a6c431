"""Commands that answer with what is live."""
