"""Inherited roles: one that may do what several others may.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/inherited-roles/
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import CyclicDependency, InvalidParams, NotExists

from .arguments import Arguments, expect
from .working import Outcome, named, remove

if TYPE_CHECKING:
    from .working import Operation, Working


def add_inherited_role(work: Working, args: Any) -> Outcome:
    """``{"role_name", "role_set"}``; one of that name is replaced."""
    given = Arguments(args)
    name = given.name("role_name")
    roles = [expect(str, role, given.at("role_set"), "RoleName") for role in given.list("role_set")]
    if name in roles:
        raise InvalidParams("an inherited role name cannot be in the role combination", "$.args")
    known = work.document.setdefault("inherited_roles", [])
    entry = named(known, name, "role_name")
    if entry is None:
        known.append({"role_name": name, "role_set": roles})
    else:
        entry["role_set"] = roles
    check_cycles(work.document)
    return Outcome(about=f"inherited_role inherited role {name}")


def check_cycles(document: dict[str, Any]) -> None:
    """:raises CyclicDependency: roles inherit from each other in a circle."""
    roles = {each["role_name"]: each["role_set"] for each in document.get("inherited_roles") or ()}
    try:
        TopologicalSorter(roles).prepare()
    except CycleError as error:
        # The sorter goes from a role to those that inherit from it; Hasura tells it the other way round.
        cycle = error.args[1][:0:-1]
        start = cycle.index(min(cycle))
        cycle = [*cycle[start:], *cycle[: start + 1]]
        named_roles = ",".join(f'"{role}"' for role in cycle)
        raise CyclicDependency(f"found cycle(s) in roles: [{named_roles}]", "$.args") from None


def drop_inherited_role(work: Working, args: Any) -> Outcome:
    """``{"role_name"}``."""
    name = Arguments(args).name("role_name")
    entry = named(work.document.get("inherited_roles", ()), name, "role_name")
    if entry is None:
        raise NotExists(f'"{name}" inherited role doesn\'t exist', "$.args")
    remove(work.document, "inherited_roles", entry)
    return Outcome(about=f"inherited_role inherited role {name}")


ROLE_OPERATIONS: dict[str, Operation] = {
    "add_inherited_role": add_inherited_role,
    "drop_inherited_role": drop_inherited_role,
}
