"""What metadata and database cannot agree on."""

from __future__ import annotations


class Misfit(Exception):
    """One object of the metadata that the database cannot serve; the text is the reason."""
