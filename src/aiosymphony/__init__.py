"""The asyncio SDK for Symphony's Pod and Connect APIs."""
