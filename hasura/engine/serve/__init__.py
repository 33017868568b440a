"""The edge: HTTP and WebSocket in, JSON out. One file per transport or API.

``app`` puts the routes together, ``engine`` is what a process holds, ``http`` and ``ws`` carry GraphQL,
``metadata_api`` the metadata, ``service`` health, version and configuration.
"""
