"""Prediction campaigns: every pair of a period scored by one version, in the background, kept and compared."""
