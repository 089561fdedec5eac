"""Logging in: how tokens are obtained, held, renewed and kept from sight."""
