"""Workers: processes, on as many machines as are wanted, that carry out the jobs of a database."""
