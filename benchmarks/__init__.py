"""Comparisons with hand-written code, measured side by side in one run and printed as ratios."""
