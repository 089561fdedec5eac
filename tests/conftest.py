"""What all tests share: the sandbox as a fixture."""

pytest_plugins = ["aiosymphony.testing"]
