"""What each process tells of itself: spans to a collector, defects to Sentry, and log lines that hold no content.

Shared by `backend`, `hasura.engine` and `webapp`; imports none of them. Without an endpoint and without a DSN nothing
of either library is imported.
"""
