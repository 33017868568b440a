/** The metadata as it was read last, and the structure of each source. */

import { createContext, use, useCallback, useEffect, useState, type ReactNode } from "react";
import { exportMetadata, structure } from "../api/metadata";
import { problem } from "../api/http";
import { isPostgres, type Exported } from "../model/metadata";
import type { Structure } from "../model/structure";
import { useAdmin } from "./admin";

export interface Read extends Exported {
  /** By source; none of a source that is away. */
  structures: Map<string, Structure>;
}

interface MetadataState {
  read: Read | null;
  failure: string | null;
  /** Reads all anew. */
  refresh: () => Promise<Read | null>;
}

const MetadataContext = createContext<MetadataState | null>(null);

export function MetadataProvider({ children }: { children: ReactNode }) {
  const { secret, noticed } = useAdmin();
  const [read, setRead] = useState<Read | null>(null);
  const [failure, setFailure] = useState<string | null>(null);

  const refresh = useCallback(async () => {
    try {
      const exported = await exportMetadata(secret);
      const sources = (exported.metadata.sources ?? []).filter(isPostgres);
      const structures = new Map<string, Structure>();
      await Promise.all(
        sources.map(async ({ name }) => {
          const found = await structure(secret, name).catch(() => undefined);
          if (found) structures.set(name, found);
        }),
      );
      const fresh = { ...exported, structures };
      setRead(fresh);
      setFailure(null);
      return fresh;
    } catch (error) {
      noticed(error);
      setFailure(problem(error));
      return null;
    }
  }, [secret, noticed]);
  useEffect(() => void refresh(), [refresh]);

  return <MetadataContext value={{ read, failure, refresh }}>{children}</MetadataContext>;
}

export const useMetadata = () => use(MetadataContext)!;
