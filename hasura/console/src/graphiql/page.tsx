/** GraphiQL, as whoever is chosen above it. */

import { useEffect, useMemo, useRef } from "react";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { adminHeaders } from "../api/http";
import { rolesOf, variablesOf } from "../model/roles";
import { useAdmin } from "../state/admin";
import { useMetadata } from "../state/metadata";
import { ADMIN, sessionHeaders, useRunAs } from "../state/run_as";
import { useTheme } from "../state/theme";
import { Loading, useNarrow } from "../ui/parts";
import { fetcherFor } from "./fetcher";
import { stylesheet } from "./parts";
import { RunAsBar } from "./run_as_bar";

const WELCOME = `# Ctrl-Space completes
# Ctrl-Enter runs
query MyQuery {
  __typename
}
`;

export default function ApiPage() {
  const { secret } = useAdmin();
  const { read, failure } = useMetadata();
  const { runAs } = useRunAs();
  const [theme] = useTheme();
  const narrow = useNarrow();
  const explorer = useMemo(() => explorerPlugin(), []);
  const plugins = useMemo(() => [explorer], [explorer]);

  const roles = useMemo(() => (read ? rolesOf(read.metadata) : []), [read]);
  const asked = useMemo(() => {
    const role = roles.find((each) => each.name === runAs.role);
    return role && read ? variablesOf(read.metadata, role, roles) : [];
  }, [read, roles, runAs.role]);
  const names = [...new Set([...asked, ...runAs.added])];

  // A variable that is typed holds for the next request; another role has another schema, so it is asked for anew.
  const headers = useRef<Record<string, string>>({});
  headers.current = { ...adminHeaders(secret), ...sessionHeaders(runAs, names) };
  const fetcher = useMemo(
    () => fetcherFor(() => headers.current),
    [secret, runAs.role, runAs.backendOnly, read?.resource_version],
  );

  if (!read && !failure) return <Loading what="the roles" />;
  return (
    <div className={`api${runAs.role === ADMIN ? "" : " as-role"}`}>
      <link rel="stylesheet" href={stylesheet} precedence="graphiql" />
      <RunAsBar roles={roles} names={names} asked={asked} />
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        visiblePlugin={narrow ? undefined : explorer}
        forcedTheme={theme}
        defaultQuery={WELCOME}
        isHeadersEditorEnabled={false}
        shouldPersistHeaders={false}
        showPersistHeadersSettings={false}
        inputValueDeprecation
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
        <GraphiQL.Toolbar>
          {({ prettify, merge, copy }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <PendingQuery />
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>
    </div>
  );
}

/** Opens the query that another page asked for, in a tab of its own. */
function PendingQuery() {
  const { pending, setPending } = useRunAs();
  const editor = useGraphiQL((state) => state.queryEditor);
  const { addTab } = useGraphiQLActions();
  useEffect(() => {
    if (!pending || !editor) return;
    if (editor.getValue().trim() !== "" && editor.getValue() !== WELCOME) addTab();
    editor.setValue(pending);
    setPending(null);
  }, [pending, editor, addTab, setPending]);
  return null;
}
