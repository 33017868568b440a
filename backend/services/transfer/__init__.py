"""Chats that leave, as Markdown, JSON or PDF, and chats that come from elsewhere.

Out: `leaving` reads a page of messages at a time → `markdown`, `own_json` or `pdf` writes it → `zip_stream`, where
there are several files; `exporting` says which.
In: `upload` keeps the file on disk → `json_items` reads one conversation at a time → `chatgpt`, `open_webui` or
`own_json` says what it means, a `Conversation` → `tree` and `rows` put it in order → `arriving` stores it.
"""
