"""``/sign-in`` and ``/register``."""

from __future__ import annotations

import reflex as rx

from webapp.components import PageTitle, connection_notice
from webapp.state import Auth
from webapp.state.auth import PASSWORD_LENGTH
from webapp.words import t


def sign_in_page() -> rx.Component:
    return _account_form(
        title=t("account.welcome-back"),
        button=t("account.sign-in"),
        on_submit=Auth.sign_in,
        autocomplete="current-password",
        other=(t("account.new-here"), t("account.create-title"), "/register"),
    )


def register_page() -> rx.Component:
    return _account_form(
        title=t("account.create-title"),
        button=t("account.create"),
        on_submit=Auth.register,
        autocomplete="new-password",
        other=(t("account.have-one"), t("account.sign-in"), "/sign-in"),
        rules=(t("account.username-hint"), t("account.password-hint", length=PASSWORD_LENGTH)),
    )


def _account_form(
    *,
    title: rx.Var[str],
    button: rx.Var[str],
    on_submit: rx.event.EventType,
    autocomplete: str,
    other: tuple[rx.Var[str], rx.Var[str], str],
    rules: tuple[rx.Var[str], rx.Var[str]] | None = None,
) -> rx.Component:
    question, answer, address = other
    return rx.el.main(
        PageTitle.create(title=button),
        connection_notice(),
        rx.el.div(
            rx.el.span(class_name="logo large", custom_attrs={"aria-hidden": "true"}),
            rx.el.h1(title),
            rx.cond(Auth.notice != "", rx.el.p(Auth.notice, class_name="notice", role="status")),
            rx.el.form(
                _field("username", t("account.username"), "username", rules and rules[0]),
                _field("password", t("account.password"), autocomplete, rules and rules[1]),
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
                    rx.cond(Auth.busy, t("account.one-moment"), button),
                    type="submit",
                    class_name="primary-button wide",
                    # Before the page's scripts run, the browser would send the form itself, with the password in the
                    # address; before `open_sign_in` has, that would take the form's error away.
                    disabled=Auth.busy | ~rx.State.is_hydrated,
                ),
                on_submit=on_submit,
                class_name="account-form",
            ),
            rx.el.p(question, " ", rx.link(answer, href=address), class_name="muted"),
            class_name="card",
        ),
        class_name="lone-page",
    )


def _field(name: str, label: rx.Var[str], autocomplete: str, rule: rx.Var[str] | None) -> rx.Component:
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
        *([] if rule is None else [rx.el.small(rule, class_name="muted")]),
    )
