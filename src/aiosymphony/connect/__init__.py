"""The Connect API's resources."""
