"""Plans said in SQL, with SQLAlchemy Core. One operation is one statement; its answer is JSON text made by PostgreSQL."""
