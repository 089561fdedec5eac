"""Reports: what became of each row."""
