"""The Pod API's resources."""
