"""What the release before this one asks of the schema: it must be answered while old and new run side by side."""
