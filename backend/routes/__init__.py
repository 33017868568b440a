"""One file a router; thin: who asks, what for, and which service does it."""
