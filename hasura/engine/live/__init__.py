"""Live queries and streams: one statement answers everybody who asks the same question.

``triggers`` makes tables announce their changes, ``teller`` announces those of the engine's own writes, ``changes``
listens, ``queries`` finds the poller of a plan, ``poller`` asks PostgreSQL once for all its subscribers and tells each
only what is new to it, ``statement`` runs the SQL.
"""
