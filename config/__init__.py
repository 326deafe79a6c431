"""Wiring: settings, addresses, doors. Never a rule, never a query."""
