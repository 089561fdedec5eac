"""Targets: where users are provisioned."""
