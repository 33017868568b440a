"""Metadata and catalog joined: the tables, relationships and functions that a schema is made of."""
