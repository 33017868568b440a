"""Any model behind an OpenAI-compatible endpoint: hosted ones, Ollama, vLLM, LM Studio, llama.cpp."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx2
import openai

from backend.services import assistant_errors as errors
from backend.services.conversation import Conversation, within_budget

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

    from backend.services.hasura_client import ChatMessage
    from backend.settings import Settings


class LlmAssistant:
    """Streams chat completions, with deadlines for connecting, the first token and every further one."""

    def __init__(self, settings: Settings) -> None:
        if settings.llm_model is None:
            raise ValueError("llm_model is needed")
        self.name = settings.llm_model
        self._system_prompt = settings.llm_system_prompt
        self._history_tokens = settings.llm_history_tokens
        self._first_token = settings.llm_first_token_timeout
        self._next_token = settings.llm_token_timeout
        self._client = openai.AsyncOpenAI(
            base_url=str(settings.llm_base_url) if settings.llm_base_url else "https://api.openai.com/v1",
            # Local servers take any key, but the SDK wants one.
            api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else "none",
            # Reading has deadlines of its own below; this one ends a connection that nobody waits for.
            timeout=httpx2.Timeout(
                self._first_token + self._next_token, connect=settings.llm_connect_timeout
            ),
            max_retries=1,
        )

    async def aclose(self) -> None:
        await self._client.close()

    async def answer(self, conversation: Conversation) -> AsyncGenerator[str, None]:
        history = within_budget(await conversation.history(), self._history_tokens)
        messages = self._prompt(history, conversation.question)
        try:
            async with asyncio.timeout(self._first_token) as deadline:
                stream = await self._client.chat.completions.create(
                    model=self.name, messages=messages, stream=True
                )
                started = deadline.when()
            async with aclosing(self._texts(stream, started)) as texts:
                async for text in texts:
                    yield text
        except TimeoutError:
            raise errors.TimedOut from None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as exc:
            raise translated(exc) from exc

    async def _texts(
        self, stream: openai.AsyncStream[ChatCompletionChunk], first: float | None
    ) -> AsyncGenerator[str, None]:
        empty = True
        loop = asyncio.get_running_loop()
        async with stream:
            chunks = aiter(stream)
            while True:
                # Before its first word a model may think, or load; silence within an answer means it is gone.
                until = first if empty else loop.time() + self._next_token
                try:
                    async with asyncio.timeout_at(until):
                        chunk = await anext(chunks)
                except (StopAsyncIteration, openai.APIConnectionError) as exc:
                    if isinstance(exc, openai.APITimeoutError):
                        raise
                    raise errors.Cut from exc
                text, finished = _read(chunk)
                if text:
                    empty = False
                    yield text
                if finished:
                    break
        if empty:
            raise errors.Empty

    def _prompt(self, history: list[ChatMessage], question: ChatMessage) -> list[ChatCompletionMessageParam]:
        prompt: list[ChatCompletionMessageParam] = [{"role": "system", "content": self._system_prompt}]
        for message in history:
            match message.role:
                case "user":
                    prompt.append({"role": "user", "content": message.content})
                case "assistant":
                    prompt.append({"role": "assistant", "content": message.content})
                case _:
                    pass  # a session's own system and tool messages are notes for people, not instructions
        prompt.append({"role": "user", "content": question.content})
        return prompt


def _read(chunk: ChatCompletionChunk) -> tuple[str, bool]:
    """The text of a chunk, and whether it is the last. The SDK does not check it: raises Malformed."""
    try:
        text = "".join(choice.delta.content or "" for choice in chunk.choices)
        return text, any(choice.finish_reason is not None for choice in chunk.choices)
    except (AttributeError, TypeError) as exc:
        raise errors.Malformed from exc


def translated(exc: Exception) -> errors.AssistantError:
    """What an exception of the SDK, of the connection or of a malformed chunk (a ValueError) means."""
    match exc:
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return errors.TimedOut()
        case openai.APIConnectionError():
            return errors.Unreachable()
        case openai.RateLimitError():
            return errors.RateLimited(retry_after=_retry_after(exc))
        case openai.AuthenticationError() | openai.PermissionDeniedError() | openai.NotFoundError():
            return errors.Refused()
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return errors.TooLong()
        case openai.OpenAIError():
            return errors.ProviderError()
        case httpx2.HTTPError():
            return errors.Cut()
        case _:
            return errors.Malformed()


def _retry_after(exc: openai.APIStatusError) -> int | None:
    value = exc.response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdecimal() else None
