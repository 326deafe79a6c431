"""The verbs: the only writers of this room."""
