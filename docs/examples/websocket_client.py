"""Asks in a session and prints the answer as it is written, whatever the connection does meanwhile.

CHAT_TOKEN=… python docs/examples/websocket_client.py ws://127.0.0.1:8000 SESSION_ID "How are you?"
"""

import asyncio
import json
import os
import sys
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import websockets


class Question:
    """One question and its answer, as far as they are known."""

    def __init__(self, content: str) -> None:
        # Chosen once: however often it is sent, it is stored and answered once.
        self.send = {"type": "send", "id": str(uuid4()), "content": content}
        self.acknowledged = False
        self.answer_id = ""
        self.cursor = ""
        self.run = ""
        self.text = ""
        self.status = "streaming"

    def query(self) -> dict[str, str]:
        """Where to go on after a lost connection: in the session, and within the answer."""
        known = {
            "cursor": self.cursor,
            "answer": self.run and f"{self.answer_id}:{self.run}:{len(self.text)}",
        }
        return {"client": "example"} | {name: value for name, value in known.items() if value}

    def hear(self, event: dict[str, Any]) -> None:
        self.cursor = event.get("cursor") or self.cursor
        match event:
            case {"type": "ack"}:
                self.acknowledged = True
            case {"type": "turn", "assistant_message_id": self.answer_id}:
                self.run, self.text = event["run"], self.text[: event["offset"]]
            case {"type": "delta", "message_id": self.answer_id, "text": text}:
                self.text += text
                print(text, end="", flush=True)
            case {"type": "message", "message": answer} if answer["reply_to"] == self.send["id"]:
                self.answer_id, self.status = answer["message_id"], answer["status"]
                if self.status != "streaming":
                    print(answer["content"].removeprefix(self.text), f"({self.status})", sep="\n")
            case {"type": "error", "problem": problem} if not self.acknowledged:
                sys.exit(problem["detail"])


async def ask(server: str, session_id: str, question: Question) -> None:
    headers = {"Authorization": f"Bearer {os.environ['CHAT_TOKEN']}"}
    while question.status == "streaming":
        url = f"{server}/ws/chat/{session_id}?{urlencode(question.query())}"
        try:
            async with websockets.connect(url, additional_headers=headers) as socket:
                if not question.acknowledged:
                    await socket.send(json.dumps(question.send))
                async for frame in socket:
                    question.hear(json.loads(frame))
                    if question.status != "streaming":
                        return
        except websockets.InvalidStatus as refused:
            if refused.response.status_code < 500:
                sys.exit(json.loads(refused.response.body)["detail"])
        except websockets.ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in (4401, 4404):
                sys.exit(closed.rcvd.reason)
        except OSError:
            pass  # the server is away
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1], sys.argv[2], Question(sys.argv[3])))
