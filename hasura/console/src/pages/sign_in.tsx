import { useState } from "react";
import { Eye, EyeOff } from "lucide-react";
import { ThemeButton } from "../app";
import { useSignIn } from "../state/admin";
import { Loading } from "../ui/parts";

export function SignInPage() {
  const { state, signIn, again } = useSignIn();
  const [secret, setSecret] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  if (state.kind === "looking") return <Loading what="the console" />;

  const submit = async () => {
    setBusy(true);
    await signIn(secret);
    setBusy(false);
  };
  const reason = state.kind === "out" ? state.reason : "";
  const unreachable = reason.startsWith("The engine");
  const Icon = shown ? EyeOff : Eye;
  return (
    <main className="own sign-in">
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <span className="brand-mark" aria-hidden="true" />
        <h1>Console</h1>
        <p className="muted">For admins: GraphQL, permissions and metadata of this engine.</p>
        <label htmlFor="secret">Admin secret</label>
        <div className="with-button">
          <input
            id="secret"
            type={shown ? "text" : "password"}
            autoComplete="off"
            autoFocus
            required
            value={secret}
            onChange={(event) => setSecret(event.target.value)}
            aria-invalid={reason !== ""}
            aria-describedby="secret-help"
          />
          <button
            type="button"
            className="icon-button"
            aria-label={shown ? "Hide the secret" : "Show the secret"}
            onClick={() => setShown(!shown)}
          >
            <Icon size={17} aria-hidden="true" />
          </button>
        </div>
        {reason && (
          <p className="problem" role="alert">
            {reason}{" "}
            {unreachable && (
              <button type="button" className="link" onClick={again}>
                Try again
              </button>
            )}
          </p>
        )}
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Signing in …" : "Sign in"}
        </button>
        <p id="secret-help" className="muted small">
          It is what the engine has in <code>HASURA_GRAPHQL_ADMIN_SECRET</code>. After <code>make up</code>,{" "}
          <code>.venv/bin/chat-sessions admin-secret</code> prints it. This tab keeps it until it is closed, and
          sends it to this engine only.
        </p>
      </form>
      <ThemeButton />
    </main>
  );
}
