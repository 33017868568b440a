"""What the routes orchestrate."""
