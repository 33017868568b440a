/** Who uses the console: somebody with the admin secret, which stays in this tab. */

import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { get, problem, Refused } from "../api/http";

const KEY = "hasura-console:admin-secret";

export interface Admin {
  /** Null where the engine asks for none. */
  secret: string | null;
  signOut: () => void;
  /** For a refused request: signs out when the secret holds no longer. */
  noticed: (error: unknown) => void;
}

type State =
  | { kind: "looking" }
  | { kind: "out"; reason: string }
  | { kind: "in"; secret: string | null };

interface SignIn {
  state: State;
  signIn: (secret: string) => Promise<void>;
  again: () => void;
}

const SignInContext = createContext<SignIn | null>(null);
const AdminContext = createContext<Admin | null>(null);

/** Throws when the engine does not take the secret for an admin's. */
const ask = (secret: string | null): Promise<unknown> => get("/v1alpha1/config", secret);

export function AdminProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<State>({ kind: "looking" });

  const look = useCallback(async () => {
    setState({ kind: "looking" });
    const kept = sessionStorage.getItem(KEY);
    try {
      await ask(kept);
      setState({ kind: "in", secret: kept });
    } catch (error) {
      const expected = error instanceof Refused && kept === null;
      if (error instanceof Refused) sessionStorage.removeItem(KEY);
      setState({ kind: "out", reason: expected ? "" : problem(error) });
    }
  }, []);
  useEffect(() => void look(), [look]);

  const signIn = useCallback(async (secret: string) => {
    try {
      await ask(secret);
      sessionStorage.setItem(KEY, secret);
      setState({ kind: "in", secret });
    } catch (error) {
      const wrong = error instanceof Refused && error.status === 401;
      setState({ kind: "out", reason: wrong ? "This is not the admin secret of this engine." : problem(error) });
    }
  }, []);

  const signOut = useCallback((reason = "") => {
    sessionStorage.removeItem(KEY);
    setState({ kind: "out", reason });
  }, []);

  const secret = state.kind === "in" ? state.secret : undefined;
  const admin = useMemo<Admin | null>(
    () =>
      secret === undefined
        ? null
        : {
            secret,
            signOut: () => signOut(),
            noticed: (error) => {
              if (error instanceof Refused && error.status === 401) signOut("The admin secret has changed.");
            },
          },
    [secret, signOut],
  );

  return (
    <SignInContext value={{ state, signIn, again: () => void look() }}>
      <AdminContext value={admin}>{children}</AdminContext>
    </SignInContext>
  );
}

export const useSignIn = () => use(SignInContext)!;
/** Only below a page that is shown to those who are signed in. */
export const useAdmin = () => use(AdminContext)!;
export const useMaybeAdmin = () => use(AdminContext);
