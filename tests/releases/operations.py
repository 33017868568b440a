"""Records the GraphQL documents of this tree: ``python -m tests.releases.operations NAME``, once at each release."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from graphql import OperationDefinitionNode, parse

from backend.services import hasura_client
from backend.services.hasura_client.operations import Operation

RECORDED = Path(__file__).parent / "recorded"


def operations() -> dict[str, str]:
    """Every document of the client, by its name."""
    found = {}
    for module in pkgutil.iter_modules(hasura_client.__path__):
        holder = importlib.import_module(f"{hasura_client.__name__}.{module.name}")
        for value in vars(holder).values():
            if isinstance(value, Operation):
                (definition, *_) = (
                    d for d in parse(value.text).definitions if isinstance(d, OperationDefinitionNode)
                )
                assert definition.name is not None
                found[definition.name.value] = value.text
    return dict(sorted(found.items()))


if __name__ == "__main__":
    RECORDED.joinpath(f"{sys.argv[1]}.json").write_text(json.dumps(operations(), indent=1) + "\n")
