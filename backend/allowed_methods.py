"""Which methods a path takes, for `Allow`: the router names those of the first route that fits alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARAMETER = re.compile(r"\\\{[^}]+\\\}")


def methods_of(path: str, documented: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of OpenAPI's ``paths``. A path that is spelled out there is no `{parameter}` of another."""
    found = documented.get(path)
    if found is not None:
        return _sorted(found)
    fitting = (operations for template, operations in documented.items() if _fits(template, path))
    return _sorted({method for operations in fitting for method in operations})


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(_PARAMETER.sub("[^/]+", re.escape(template)), path) is not None


def _sorted(methods: Mapping[str, Any] | set[str]) -> list[str]:
    return sorted(method.upper() for method in methods)
