"""Hasura's metadata (version 3): what is tracked, how it is named, who may do what."""
