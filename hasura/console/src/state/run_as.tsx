/** Which role GraphQL is tried as, with which session variables. Never the admin secret. */

import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

export const ADMIN = "admin";

export interface RunAs {
  role: string;
  /** Values by name in lower case; they are kept while the role changes. */
  variables: Record<string, string>;
  /** The names that the person added. */
  added: string[];
  backendOnly: boolean;
}

interface RunAsState {
  runAs: RunAs;
  setRunAs: (change: Partial<RunAs>) => void;
  /** A query to open on the API page, once. */
  pending: string | null;
  setPending: (query: string | null) => void;
}

const KEY = "hasura-console:run-as";
const NOBODY: RunAs = { role: ADMIN, variables: {}, added: [], backendOnly: false };
const RunAsContext = createContext<RunAsState | null>(null);

export function RunAsProvider({ children }: { children: ReactNode }) {
  const [runAs, replace] = useState<RunAs>(() => {
    try {
      return { ...NOBODY, ...(JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Partial<RunAs>) };
    } catch {
      return NOBODY;
    }
  });
  const [pending, setPending] = useState<string | null>(null);
  useEffect(() => sessionStorage.setItem(KEY, JSON.stringify(runAs)), [runAs]);
  const state = useMemo<RunAsState>(
    () => ({ runAs, setRunAs: (change) => replace((now) => ({ ...now, ...change })), pending, setPending }),
    [runAs, pending],
  );
  return <RunAsContext value={state}>{children}</RunAsContext>;
}

export const useRunAs = () => use(RunAsContext)!;

/** The headers of a request as the role; `names` are the variables that are sent, where they have a value. */
export function sessionHeaders(runAs: RunAs, names: string[]): Record<string, string> {
  if (runAs.role === ADMIN) return {};
  const variables = names.filter((name) => runAs.variables[name]?.trim());
  return {
    "x-hasura-role": runAs.role,
    ...Object.fromEntries(variables.map((name) => [name, runAs.variables[name]!.trim()])),
    ...(runAs.backendOnly ? { "x-hasura-use-backend-only-permissions": "true" } : {}),
  };
}
