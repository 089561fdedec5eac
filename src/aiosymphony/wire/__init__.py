"""What generated code stands on: operations, models, and how values become bytes and bytes become values.

Generated modules import these modules, and nothing else of the package. Nothing here does I/O.
"""
