"""Jobs in PostgreSQL: many in one database, for processes on several machines. Needs ``aiosymphony[postgres]``."""
