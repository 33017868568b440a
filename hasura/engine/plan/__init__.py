"""What to read and write, as frozen data: decided here, said in SQL by ``to_sql``, testable without a database."""
