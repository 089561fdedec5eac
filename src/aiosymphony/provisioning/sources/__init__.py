"""Readers: a file becomes records."""
