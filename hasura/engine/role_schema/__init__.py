"""A GraphQL schema per role: what a role lacks is absent; what is there carries its meaning in ``extensions``."""
