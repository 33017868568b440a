"""One function for each address."""

from webapp.pages.chat import chat_page, new_chat_page
from webapp.pages.not_found import not_found_page
from webapp.pages.settings import settings_page
from webapp.pages.sign_in import register_page, sign_in_page

__all__ = ["chat_page", "new_chat_page", "not_found_page", "register_page", "settings_page", "sign_in_page"]
