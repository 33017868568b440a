"""Whatever a hostile or broken client may send: to the API, to GraphQL, to every socket."""
