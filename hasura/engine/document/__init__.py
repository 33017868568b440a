"""A request's text made into a typed tree: fields with their meanings, arguments with their types checked."""
