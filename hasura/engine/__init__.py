"""A Hasura-compatible GraphQL engine over PostgreSQL.

It reads as two lines:

* start-up: ``metadata + catalog -> resolve -> role_schema``
* request: ``serve -> session -> document -> plan (+ permissions) -> to_sql -> execute -> response``
"""
