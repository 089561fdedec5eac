"""Rows: a record becomes a checked user."""
