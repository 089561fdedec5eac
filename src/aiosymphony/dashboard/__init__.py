"""A page to watch jobs, read-only: ``aiosymphony dashboard``."""
