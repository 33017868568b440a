/** The frame around the pages, and what is shown before somebody is signed in. */

import { lazy, Suspense } from "react";
import { Braces, DatabaseZap, KeyRound, LogOut, MonitorCog, Moon, Sun, SquareTerminal } from "lucide-react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { CliPage } from "./pages/cli";
import { MetadataPage } from "./pages/metadata";
import { SignInPage } from "./pages/sign_in";
import { PermissionsPage } from "./permissions/page";
import { useAdmin, useMaybeAdmin } from "./state/admin";
import { MetadataProvider, useMetadata } from "./state/metadata";
import { RunAsProvider } from "./state/run_as";
import { THEMES, useTheme } from "./state/theme";
import { Mishap } from "./ui/mishap";
import { Loading } from "./ui/parts";

const ApiPage = lazy(() => import("./graphiql/page"));

const PAGES = [
  { path: "/api", name: "API", icon: Braces },
  { path: "/permissions", name: "Permissions", icon: KeyRound },
  { path: "/metadata", name: "Metadata", icon: DatabaseZap },
  { path: "/cli", name: "Files & CLI", icon: SquareTerminal },
];

export function App() {
  const [location] = useLocation();
  if (useMaybeAdmin() === null) return <SignInPage />;
  return (
    <MetadataProvider>
      <RunAsProvider>
        <div className="shell">
          <Header />
          <main>
            <Mishap key={location}>
              <Suspense fallback={<Loading what="GraphiQL" />}>
                <Switch>
                  <Route path="/api" component={ApiPage} />
                  <Route path="/permissions" component={PermissionsPage} />
                  <Route path="/metadata" component={MetadataPage} />
                  <Route path="/cli" component={CliPage} />
                  <Route>
                    <Redirect to="/api" replace />
                  </Route>
                </Switch>
              </Suspense>
            </Mishap>
          </main>
        </div>
      </RunAsProvider>
    </MetadataProvider>
  );
}

function Header() {
  const { secret, signOut } = useAdmin();
  const { failure, refresh } = useMetadata();
  const [location] = useLocation();
  return (
    <>
      <header className="own bar">
        <span className="brand">
          <span className="brand-mark" aria-hidden="true" />
          <span className="brand-name">Console</span>
        </span>
        <nav aria-label="Pages">
          {PAGES.map(({ path, name, icon: Icon }) => (
            <Link key={path} href={path} aria-current={location.startsWith(path) ? "page" : undefined} title={name}>
              <Icon size={17} aria-hidden="true" />
              <span>{name}</span>
            </Link>
          ))}
        </nav>
        <ThemeButton />
        {secret !== null && (
          <button type="button" className="icon-button" onClick={signOut} aria-label="Sign out" title="Sign out">
            <LogOut size={17} aria-hidden="true" />
          </button>
        )}
      </header>
      {secret === null && (
        <p className="own notice bad" role="status">
          This engine asks for no admin secret: whoever reaches it is an admin.
        </p>
      )}
      {failure && (
        <p className="own notice bad" role="alert">
          {failure}{" "}
          <button type="button" className="link" onClick={() => void refresh()}>
            Try again
          </button>
        </p>
      )}
    </>
  );
}

const THEME_ICONS = { system: MonitorCog, light: Sun, dark: Moon };

export function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const Icon = THEME_ICONS[theme];
  const label = `Theme: ${theme}`;
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return (
    <button type="button" className="icon-button" onClick={() => setTheme(next)} aria-label={label} title={label}>
      <Icon size={17} aria-hidden="true" />
    </button>
  );
}
