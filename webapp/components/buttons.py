"""The one kind of small button."""

from __future__ import annotations

from typing import Any

import reflex as rx


def icon_button(icon: str, label: str | rx.Var[str], **props: Any) -> rx.Component:
    """A button that shows an icon and is called `label`."""
    attributes = {"aria-label": label, "title": label} | props.pop("custom_attrs", {})
    return rx.el.button(
        rx.icon(icon, size=17, custom_attrs={"aria-hidden": "true"}),
        type="button",
        class_name=f"icon-button {props.pop('class_name', '')}".strip(),
        custom_attrs=attributes,
        **props,
    )
