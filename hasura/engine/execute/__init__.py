"""Runs statements: values become parameters, PostgreSQL's refusals become Hasura's errors."""
