"""``/sign-in`` and ``/register``."""

from __future__ import annotations

import reflex as rx

from webapp.state import Auth
from webapp.state.auth import PASSWORD_LENGTH


def sign_in_page() -> rx.Component:
    return _account_form(
        title="Welcome back",
        button="Sign in",
        on_submit=Auth.sign_in,
        autocomplete="current-password",
        other=("New here?", "Create an account", "/register"),
    )


def register_page() -> rx.Component:
    return _account_form(
        title="Create an account",
        button="Create account",
        on_submit=Auth.register,
        autocomplete="new-password",
        other=("Have an account?", "Sign in", "/sign-in"),
        rules=("3 to 32 letters and digits; also . _ -", f"At least {PASSWORD_LENGTH} characters"),
    )


def _account_form(
    *,
    title: str,
    button: str,
    on_submit: rx.event.EventType,
    autocomplete: str,
    other: tuple[str, str, str],
    rules: tuple[str, str] = ("", ""),
) -> rx.Component:
    question, answer, address = other
    return rx.el.main(
        rx.el.div(
            rx.el.span(class_name="logo large", custom_attrs={"aria-hidden": "true"}),
            rx.el.h1(title),
            rx.cond(Auth.notice != "", rx.el.p(Auth.notice, class_name="notice", role="status")),
            rx.el.form(
                _field("username", "User name", "username", rules[0]),
                _field("password", "Password", autocomplete, rules[1]),
                rx.cond(
                    Auth.error != "",
                    rx.el.p(
                        Auth.error,
                        class_name="form-error",
                        role="alert",
                        custom_attrs={"data-testid": "form-error"},
                    ),
                ),
                rx.el.button(
                    rx.cond(Auth.busy, "One moment …", button),
                    type="submit",
                    class_name="primary-button wide",
                    disabled=Auth.busy,
                ),
                on_submit=on_submit,
                class_name="account-form",
            ),
            rx.el.p(question, " ", rx.link(answer, href=address), class_name="muted"),
            class_name="card",
        ),
        class_name="lone-page",
    )


def _field(name: str, label: str, autocomplete: str, rule: str) -> rx.Component:
    return rx.el.label(
        rx.el.span(label),
        rx.el.input(
            name=name,
            type="password" if "password" in autocomplete else "text",
            auto_complete=autocomplete,
            auto_capitalize="none",
            spell_check=False,
            max_length=128,
            auto_focus=name == "username",
        ),
        rx.cond(rule != "", rx.el.small(rule, class_name="muted")),
    )
