"""Plans: what makes the tenant look like the file, decided without sending anything."""
