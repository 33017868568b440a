"""The project's own React components (assets/js), as Reflex components."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.utils.imports import ImportVar
from reflex.vars import VarData


def unread_elsewhere(session_id: rx.Var[str]) -> rx.Var[int]:
    """How many other sessions have something new, as far as the page knows."""
    return rx.Var(
        "unreadElsewhere",
        _var_type=int,
        _var_data=VarData.merge(
            session_id._get_all_var_data(),  # noqa: SLF001
            VarData(
                hooks={f"const unreadElsewhere = useUnreadElsewhere({session_id!s})": None},
                imports={"$/public/js/sessions/store.js": [ImportVar(tag="useUnreadElsewhere")]},
            ),
        ),
    ).to(int)


class Composer(rx.Component):
    """Hands what is written to the outbox of the browser; ``on_stop`` gets the id of the answer to stop.

    The session is the one in the page's address. One that has no name yet, `unnamed_id`, is named by its first message.
    """

    library = "$/public/js/composer/composer.jsx"
    tag = "Composer"

    owner: rx.Var[str]
    unnamed_id: rx.Var[str]
    answering_id: rx.Var[str]
    longest: rx.Var[int]
    on_stop: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class Suggestions(rx.Component):
    library = "$/public/js/composer/suggestions.jsx"
    tag = "Suggestions"


class PendingMessages(rx.Component):
    """The outbox's messages for the session in the page's address. `editable` where there is a field for their text."""

    library = "$/public/js/messages/pending.jsx"
    tag = "PendingMessages"

    owner: rx.Var[str]
    editable: rx.Var[bool]


class Reader(rx.Component):
    """Sets the title of the browser's tab; ``on_read`` gets the session, the row and this device's id."""

    library = "$/public/js/reader.jsx"
    tag = "Reader"

    session_id: rx.Var[str]
    title: rx.Var[str]
    read_until: rx.Var[int]
    last_read: rx.Var[int]
    unread: rx.Var[int]
    unread_elsewhere: rx.Var[int]
    on_read: rx.EventHandler[rx.event.passthrough_event_spec(str, int, str)]


class TitleInput(rx.Component):
    """``on_save`` gets ``{"title": …}``."""

    library = "$/public/js/title_input.jsx"
    tag = "TitleInput"

    value: rx.Var[str]
    label: rx.Var[str]
    placeholder: rx.Var[str]
    longest: rx.Var[int]
    save_on_leave: rx.Var[bool]
    on_save: rx.EventHandler[rx.event.passthrough_event_spec(dict[str, Any])]
    on_cancel: rx.EventHandler[rx.event.no_args_event_spec]


class Sessions(rx.Component):
    """The list of sessions. `categories` say how many there are of each, on each shelf."""

    library = "$/public/js/sessions/list.jsx"
    tag = "Sessions"
    lib_dependencies: list[str] = ["react-virtuoso@4.18.21"]

    categories: rx.Var[list[Any]]


class SessionHeader(rx.Component):
    """`told` is what is known of the session without the list; ``on_clear`` gets the session."""

    library = "$/public/js/sessions/header.jsx"
    tag = "SessionHeader"

    session_id: rx.Var[str]
    told: rx.Var[Any]
    categories: rx.Var[list[Any]]
    empty: rx.Var[bool]
    on_clear: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class SidebarToggle(rx.Component):
    """`opens` is the one beside the open session, which is there while the list is not."""

    library = "$/public/js/sessions/toggle.jsx"
    tag = "SidebarToggle"

    opens: rx.Var[bool]


class SignOutButton(rx.Component):
    library = "$/public/js/account/sign_out.jsx"
    tag = "SignOutButton"

    on_sign_out: rx.EventHandler[rx.event.no_args_event_spec]


class Everywhere(rx.Component):
    """Once a page: shortcuts and their overview, announcements, language and theme of the document."""

    library = "$/public/js/comfort/everywhere.jsx"
    tag = "Everywhere"


class Mishap(rx.Component):
    """Instead of a page that failed in the browser."""

    library = "$/public/js/comfort/mishap.jsx"
    tag = "Mishap"


class PageTitle(rx.Component):
    """For a page without a chat: see `Reader`."""

    library = "$/public/js/comfort/page_title.jsx"
    tag = "PageTitle"

    title: rx.Var[str]


class SettingsPage(rx.Component):
    """Everything about the account; its children are the part about exports and imports."""

    library = "$/public/js/settings/settings_page.jsx"
    tag = "SettingsPage"


class TransferSection(rx.Component):
    """Everything leaves in a file, and comes along in one of up to `megabytes`."""

    library = "$/public/js/transfer/transfer_section.jsx"
    tag = "TransferSection"

    megabytes: rx.Var[int]


class ExportDialog(rx.Component):
    """The dialog of the action ``export``."""

    library = "$/public/js/transfer/export_dialog.jsx"
    tag = "ExportDialog"


class SessionSettings(rx.Component):
    """The dialog of the action ``session-settings``."""

    library = "$/public/js/settings/session_settings.jsx"
    tag = "SessionSettings"
