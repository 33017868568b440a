"""What PostgreSQL's system catalogs say of the tables and functions of a database."""
