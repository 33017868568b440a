"""The commands that change metadata: each a function of a working copy and its arguments.

An operation changes the copy and says what it answers; nothing is stored, and no database is asked. Whether the
outcome fits the database is judged afterwards, on the snapshot that is built of it.
"""
