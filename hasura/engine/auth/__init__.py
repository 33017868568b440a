"""Who asks: a request's headers become a ``Session``.

``authenticator`` decides; ``jwt_config`` reads the setting, ``jwt_keys`` holds the keys, ``jwt_verify``
checks a token, ``claims`` reads roles and session variables out of it.
Source: https://hasura.io/docs/2.0/auth/authentication/
"""
