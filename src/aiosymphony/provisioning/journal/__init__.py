"""The journal: what a job keeps, and the stores that keep it."""
