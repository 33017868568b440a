"""What the pages are made of.

chat_interface → sidebar (sidebar_header, new_chat_section, sessions_list → session_item with session_content and
session_actions) and chat_area (session_header, messages_container → message → message_bubble, input_form with
message_input, send_button and error_display).
"""

from webapp.components.chat_area import chat_area
from webapp.components.chat_interface import chat_interface
from webapp.components.notices import connection_notice
from webapp.components.sidebar import sidebar

__all__ = ["chat_area", "chat_interface", "connection_notice", "sidebar"]
