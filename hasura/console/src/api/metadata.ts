/** The commands of /v1/metadata and /v2/query that the console needs. */

import type { Exported, Json, JsonObject } from "../model/metadata";
import { structureOf, STRUCTURE_SQL, type Relation, type Structure } from "../model/structure";
import { post } from "./http";

export interface Inconsistency {
  type?: string;
  name?: string;
  reason?: string;
  definition?: Json;
  message?: Json;
}

export interface Consistency {
  is_consistent: boolean;
  inconsistent_objects: Inconsistency[];
}

type Secret = string | null;

export const exportMetadata = (secret: Secret): Promise<Exported> =>
  post("/v1/metadata", secret, { type: "export_metadata", version: 2, args: {} });

/** Refused with a conflict when the metadata is no longer of the version. */
export const change = (secret: Secret, command: JsonObject, version: number): Promise<Json> =>
  post("/v1/metadata", secret, { ...command, resource_version: version });

export const getInconsistent = (secret: Secret): Promise<Consistency> =>
  post("/v1/metadata", secret, { type: "get_inconsistent_metadata", args: {} });

export const reloadMetadata = (secret: Secret): Promise<Partial<Consistency>> =>
  post("/v1/metadata", secret, {
    type: "reload_metadata",
    args: { reload_remote_schemas: true, reload_sources: true, recreate_event_triggers: false },
  });

export async function structure(secret: Secret, source: string): Promise<Structure> {
  const answer = await post<{ result: string[][] }>("/v2/query", secret, {
    type: "run_sql",
    args: { source, sql: STRUCTURE_SQL, read_only: true },
  });
  return structureOf(JSON.parse(answer.result[1]![0]!) as Relation[]);
}
