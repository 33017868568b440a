"""What the pages are made of.

chat_interface → sidebar (sidebar_header, new_chat_section, Sessions, account) and welcome or chat_area
(session_header, messages_container with MessageList, input_form with Composer and error_display). What the
browser does by itself is in assets/js.
"""

from webapp.components.chat_area import chat_area, welcome
from webapp.components.chat_interface import chat_interface
from webapp.components.local_jsx import Everywhere, Mishap, PageTitle
from webapp.components.notices import connection_notice
from webapp.components.sidebar import sidebar

__all__ = [
    "Everywhere",
    "Mishap",
    "PageTitle",
    "chat_area",
    "chat_interface",
    "connection_notice",
    "sidebar",
    "welcome",
]
