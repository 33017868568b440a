/** Calls of the engine's own APIs, which are on the same origin. */

import type { Json } from "../model/metadata";

/** What the engine refused, in its words. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly path: string,
    readonly reasons: string[],
  ) {
    super(message);
  }

  get isConflict(): boolean {
    return this.status === 409;
  }
}

/** There was no answer. */
export class Unreachable extends Error {}

export function adminHeaders(secret: string | null): Record<string, string> {
  return secret === null ? {} : { "x-hasura-admin-secret": secret };
}

export async function post<T>(path: string, secret: string | null, body: Json): Promise<T> {
  return ask(path, { method: "POST", headers: { ...adminHeaders(secret), "content-type": "application/json" }, body: JSON.stringify(body) });
}

export async function get<T>(path: string, secret: string | null): Promise<T> {
  return ask(path, { headers: adminHeaders(secret) });
}

async function ask<T>(path: string, request: RequestInit): Promise<T> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, { ...request, credentials: "omit", cache: "no-store" });
    text = await answer.text();
  } catch {
    throw new Unreachable("The engine does not answer. Is it running?");
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Unreachable(`The engine answered ${answer.status} and something that is not JSON.`);
  }
  if (!answer.ok) throw refusal(answer.status, body);
  return body as T;
}

function refusal(status: number, body: unknown): Refused {
  const { error, code, path, internal } = (body ?? {}) as Record<string, unknown>;
  const reasons = (Array.isArray(internal) ? internal : [])
    .map((each) => (each as { reason?: unknown } | null)?.reason)
    .filter((reason): reason is string => typeof reason === "string" && reason !== error);
  return new Refused(String(error ?? `status ${status}`), status, String(code ?? ""), String(path ?? ""), [...new Set(reasons)]);
}

/** For a person. */
export function problem(error: unknown): string {
  if (error instanceof Refused) return [error.message, ...error.reasons].join("\n");
  return error instanceof Error ? error.message : String(error);
}
