"""Plans said in SQL, with SQLAlchemy Core: one statement an operation, its answer JSON text made by PostgreSQL."""
