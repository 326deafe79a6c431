"""Rooms of rows and pages, in the order the data flows; each imports only from rooms above it."""
