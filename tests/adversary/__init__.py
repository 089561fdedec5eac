"""Tests against servers that nobody here wrote for the client: raw sockets, and nothing of the sandbox."""
