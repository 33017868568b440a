/** The way to Hasura's own tools, which speak to this engine too. */

import { Copyable } from "../ui/parts";

export function CliPage() {
  const endpoint = location.origin;
  return (
    <div className="own page prose">
      <h1>Files and Hasura CLI</h1>
      <p>
        What is changed here holds at once, and is stored in the database. Where the engine applies the files of{" "}
        <code>hasura/metadata</code> when it starts, as under <code>make up</code>, a change has to be in them to last.
        This writes it there, in the project's folder, without the internet:
      </p>
      <Copyable label="the export command" text=".venv/bin/chat-sessions export-metadata" />
      <h2>Hasura's own console</h2>
      <p>
        Hasura's own command line speaks to this engine. Its console writes what you change back to the files in{" "}
        <code>hasura/metadata</code>, so that it can be reviewed, committed and applied elsewhere. In the project's
        folder:
      </p>
      <Copyable
        label="the command"
        text={`export HASURA_GRAPHQL_ADMIN_SECRET="$(.venv/bin/chat-sessions admin-secret)"\nhasura console --project hasura --endpoint ${endpoint}`}
      />
      <p className="muted">
        The CLI is installed from Hasura's releases, and its console loads its pages from Hasura's servers: it needs
        the internet. This console here does not.
      </p>
      <h2>What this engine has the APIs for</h2>
      <ul>
        <li>Data: tables, relationships, functions, computed fields, permissions, rows, raw SQL.</li>
        <li>API: GraphiQL, allow list, query collections.</li>
        <li>Settings: metadata status, reload, export and import; inherited roles.</li>
        <li>
          <code>hasura metadata</code> export, apply, diff, reload, inconsistency; <code>hasura migrate</code>.
        </li>
      </ul>
      <h2>What this engine refuses</h2>
      <p>
        Actions, remote schemas, event and cron triggers, databases other than PostgreSQL: with Hasura's own error.
        Metadata that holds them is kept and exported. The whole list: <code>docs/compatibility.md</code>.
      </p>
    </div>
  );
}
