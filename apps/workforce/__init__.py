"""HR facts: job roles, skills, snapshots by period, observed needs. Nothing about models."""
