"""An admin's own SQL, and how the metadata follows what it does to tables and functions."""
