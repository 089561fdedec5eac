"""Generates the low-level clients of aiosymphony from OpenAPI documents. Run by ``codegen.sh``; not shipped."""
