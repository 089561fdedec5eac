"""How the site is built, beside what mkdocs.yml says."""
