/** What else bounds a permission: rows, aggregates, root fields, who may use it. */

import type { Operation, Permission } from "../model/metadata";
import type { Draft } from "../model/permission";

interface Props {
  operation: Operation;
  draft: Draft;
  edit: (part: Partial<Draft>) => void;
  editOthers: (part: Partial<Permission>) => void;
}

const QUERY_FIELDS = ["select", "select_by_pk", "select_aggregate"];
const SUBSCRIPTION_FIELDS = [...QUERY_FIELDS, "select_stream"];

export function LimitsFields({ operation, draft, edit, editOthers }: Props) {
  const { others } = draft;
  return (
    <fieldset className="field">
      <legend>Further</legend>
      {operation === "select" ? (
        <>
          <label className="row">
            <span>At most</span>
            <input
              className="number"
              inputMode="numeric"
              placeholder="any number"
              aria-label="Row limit"
              value={draft.limit}
              onChange={(event) => edit({ limit: event.target.value })}
            />
            <span>rows at once</span>
          </label>
          <label className="row">
            <input
              type="checkbox"
              checked={others.allow_aggregations ?? false}
              onChange={(event) => editOthers({ allow_aggregations: event.target.checked })}
            />
            <span>Aggregates: counts, sums and the like</span>
          </label>
          <RootFields kind="query" all={QUERY_FIELDS} chosen={others.query_root_fields}
            choose={(query_root_fields) => editOthers({ query_root_fields })}
          />
          <RootFields kind="subscription" all={SUBSCRIPTION_FIELDS} chosen={others.subscription_root_fields}
            choose={(subscription_root_fields) => editOthers({ subscription_root_fields })}
          />
        </>
      ) : (
        <label className="row">
          <input
            type="checkbox"
            checked={others.backend_only ?? false}
            onChange={(event) => editOthers({ backend_only: event.target.checked })}
          />
          <span>
            From a backend only: with the admin secret and <code>x-hasura-use-backend-only-permissions</code>
          </span>
        </label>
      )}
      <label className="row wide">
        <span>Comment</span>
        <input aria-label="Comment" value={draft.comment} onChange={(event) => edit({ comment: event.target.value })} />
      </label>
    </fieldset>
  );
}

interface RootFieldsProps {
  kind: "query" | "subscription";
  all: string[];
  chosen: string[] | null | undefined;
  choose: (chosen: string[] | undefined) => void;
}

/** No list means all; Hasura's `select_stream` exists in subscriptions only. */
function RootFields({ kind, all, chosen, choose }: RootFieldsProps) {
  const fields = chosen ?? all;
  const toggle = (name: string) => {
    const next = all.filter((each) => fields.includes(each) !== (each === name));
    choose(next.length === all.length ? undefined : next);
  };
  return (
    <div className="row root-fields" role="group" aria-label={`Root fields in ${kind}`}>
      <span>In {kind}:</span>
      {all.map((name) => (
        <label key={name}>
          <input type="checkbox" checked={fields.includes(name)} onChange={() => toggle(name)} /> {name}
        </label>
      ))}
    </div>
  );
}
