"""Verbs of monitoring: each a function with a named actor, one transaction, its event in the audit log."""
