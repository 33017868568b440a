/** The metadata as a whole: what does not fit the database, reading it anew, taking it away. */

import { useCallback, useEffect, useState } from "react";
import { CircleCheck, Download, RefreshCw, TriangleAlert } from "lucide-react";
import { problem } from "../api/http";
import { exportMetadata, getInconsistent, reloadMetadata, type Inconsistency } from "../api/metadata";
import { isPostgres } from "../model/metadata";
import { useAdmin } from "../state/admin";
import { useMetadata } from "../state/metadata";
import { Loading, Notice } from "../ui/parts";

export function MetadataPage() {
  const { secret, noticed } = useAdmin();
  const { read, refresh } = useMetadata();
  const [objects, setObjects] = useState<Inconsistency[] | null>(null);
  const [said, setSaid] = useState<{ kind: "good" | "bad"; text: string } | null>(null);
  const [busy, setBusy] = useState(false);

  const attempt = useCallback(
    async (work: () => Promise<string | null>) => {
      setBusy(true);
      setSaid(null);
      try {
        const text = await work();
        if (text) setSaid({ kind: "good", text });
      } catch (error) {
        noticed(error);
        setSaid({ kind: "bad", text: problem(error) });
      } finally {
        setBusy(false);
      }
    },
    [noticed],
  );
  const look = useCallback(async () => setObjects((await getInconsistent(secret)).inconsistent_objects), [secret]);
  useEffect(() => void attempt(() => look().then(() => null)), [attempt, look]);

  const reload = () =>
    attempt(async () => {
      await reloadMetadata(secret);
      await Promise.all([look(), refresh()]);
      return "The database's tables were read anew.";
    });
  const download = () =>
    attempt(async () => {
      const { metadata, resource_version: version } = await exportMetadata(secret);
      save(`hasura_metadata_${version}.json`, JSON.stringify(metadata, null, 2));
      return `Version ${version} was downloaded.`;
    });

  return (
    <div className="own page">
      <div className="own page-head">
        <h1>Metadata</h1>
        <div className="actions">
          <button type="button" onClick={() => void reload()} disabled={busy}>
            <RefreshCw size={16} aria-hidden="true" /> Reload metadata
          </button>
          <button type="button" onClick={() => void download()} disabled={busy}>
            <Download size={16} aria-hidden="true" /> Export
          </button>
        </div>
      </div>
      {said && <Notice kind={said.kind}>{said.text}</Notice>}
      {read && (
        <p className="muted">
          Version {read.resource_version};{" "}
          {(read.metadata.sources ?? [])
            .map((each) => `${each.name} (${isPostgres(each) ? `${each.tables?.length ?? 0} tables` : `${each.kind}: kept, not served`})`)
            .join(", ")}
        </p>
      )}
      <h2>Consistency</h2>
      {objects === null ? (
        <Loading what="the inconsistent objects" />
      ) : objects.length === 0 ? (
        <p className="verdict good">
          <CircleCheck size={18} aria-hidden="true" /> All of the metadata fits the database.
        </p>
      ) : (
        <Inconsistencies objects={objects} />
      )}
    </div>
  );
}

function Inconsistencies({ objects }: { objects: Inconsistency[] }) {
  return (
    <>
      <p className="verdict bad">
        <TriangleAlert size={18} aria-hidden="true" />{" "}
        {objects.length === 1 ? "One object does" : `${objects.length} objects do`} not fit, and is left out of the
        schema until it does.
      </p>
      <ul className="inconsistencies">
        {objects.map((each, index) => (
          <li key={`${each.name} ${index}`} className="card">
            <p className="small muted">{each.type ?? "object"}</p>
            <h3>{each.name ?? "without a name"}</h3>
            <p>{each.reason}</p>
            <details>
              <summary>Definition</summary>
              <pre tabIndex={0}>{JSON.stringify(each.definition ?? null, null, 2)}</pre>
            </details>
          </li>
        ))}
      </ul>
    </>
  );
}

function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
