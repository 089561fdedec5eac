"""What generated code imports: operations, models, and the encoding and decoding of values.

Generated modules import nothing else of the package, save how names are loaded on first use. Nothing here does I/O.
"""
