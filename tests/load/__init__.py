"""``make load``: a thousand people who use the WebSocket API and a thousand before the web UI, and what they notice."""
