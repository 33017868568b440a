"""What `make lint` asks beside style and types: known holes in what we depend on, and secrets in the repository."""
