"""The text that each operand of a statement has in one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hasura.engine.document.scalars import encode
from hasura.engine.document.values import Constant, substitute
from hasura.engine.errors import NotFound, ValidationFailed
from hasura.engine.plan import nodes as n

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.session import Session


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a request brings: its session and the values of its variables, defaults filled in."""

    session: Session
    variables: Mapping[str, Any]
    #: columns of the row that a nested insert belongs to
    handed: Mapping[str, str | None] = field(default_factory=dict)
    _remembered: dict[int, list[str | None]] = field(default_factory=dict, init=False)

    def text(self, operand: n.Operand) -> str | None:
        """The operand's text for PostgreSQL.

        Raises:
            NotFound: a session variable is missing.
            ValidationFailed, ParseFailed: a variable's value is not of its type.
        """
        match operand:
            case n.Slot():
                return self._slot(operand)
            case n.SessionValue(name):
                if name == "x-hasura-role":
                    return self.session.role
                value = self.session.variables.get(name)
                if value is None:
                    raise NotFound(f'missing session variable: "{name}"')
                return value
            case n.Handed(column):
                return self.handed[column]
            case n.SessionDocument():
                return self.session.text()
        raise TypeError(type(operand).__name__)

    def _slot(self, slot: n.Slot) -> str | None:
        if isinstance(slot.origin, Constant):
            value: Any = substitute(slot.origin.raw, self.variables)
        else:
            value = self.variables
            for step in slot.origin.way:
                value = value[step]
            if slot.is_list and isinstance(value, list) and None in value:
                raise ValidationFailed(f"unexpected null value for type '{slot.scalar}'", slot.path)
        return encode(slot.scalar, value, slot.path, many=slot.is_list)

    def texts(self, operands: tuple[n.Operand, ...]) -> list[str | None]:
        """The texts of ``operands``, in order."""
        if self._remembered and (found := self._remembered.get(id(operands))) is not None:
            return found
        return [self.text(operand) for operand in operands]

    def remember(self, operands: tuple[n.Operand, ...]) -> None:
        """``texts`` of these very operands takes no time from now on, unless some of them are known later."""
        if any(isinstance(operand, n.Handed) for operand in operands):
            return
        self._remembered[id(operands)] = self.texts(operands)

    def parameters(self, operands: tuple[n.Operand, ...]) -> dict[str, Any]:
        """The texts by the names that a statement gives its parameters."""
        return {f"p{place}": text for place, text in enumerate(self.texts(operands))}
