"""Answers are Markdown written by a machine: formatted, never trusted.

No raw HTML, no images from elsewhere (they would tell their server who reads what), links that leave in a new
tab, and no formulas: ``$5 … $6`` are prices more often.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from webapp.components.buttons import icon_button


def markdown(text: rx.Var[str]) -> rx.Component:
    return rx.markdown(
        text,
        use_raw=False,
        use_math=False,
        use_katex=False,
        component_map={"pre": _code_block, "img": _image, "a": _link, "p": _paragraph, **_HEADINGS, **_LISTS},
        class_name="markdown",
    )


def _code_block(value: Any, **props: Any) -> rx.Component:
    # While a fence has just been opened there is no text yet, which arrives as the word "undefined".
    code = rx.Var(f"({value!s} === 'undefined' ? '' : {value!s})").to(str)
    return rx.el.div(
        rx.code_block(
            code,
            theme=rx.color_mode_cond(rx.code_block.themes.one_light, rx.code_block.themes.one_dark),
            wrap_long_lines=False,
            **props,
        ),
        icon_button("copy", "Copy", class_name="copy-button", on_click=rx.set_clipboard(code)),
        class_name="code-frame",
    )


def _image(_value: Any, **_props: Any) -> rx.Component:
    return rx.el.span("[image not shown]", class_name="muted")


def _link(value: Any, **_props: Any) -> rx.Component:
    return rx.el.a(value, target="_blank", rel="noopener noreferrer nofollow")


def _paragraph(value: Any, **_props: Any) -> rx.Component:
    return rx.el.p(value)


def _heading(level: int) -> Any:
    # An answer's headings are below those of the page.
    tag = (rx.el.h3, rx.el.h4, rx.el.h5)[min(level, 3) - 1]

    def heading(value: Any, **_props: Any) -> rx.Component:
        return tag(value)

    heading.__qualname__ = f"heading{level}"
    return heading


def _bullets(value: Any, **_props: Any) -> rx.Component:
    return rx.el.ul(value)


def _numbers(value: Any, **_props: Any) -> rx.Component:
    return rx.el.ol(value)


def _item(value: Any, **_props: Any) -> rx.Component:
    return rx.el.li(value)


def _code(value: Any, **_props: Any) -> rx.Component:
    return rx.el.code(value)


_HEADINGS = {f"h{level}": _heading(level) for level in range(1, 7)}
_LISTS = {"ul": _bullets, "ol": _numbers, "li": _item, "code": _code}
