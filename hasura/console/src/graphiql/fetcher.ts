/** GraphQL over HTTP and WebSocket, with the headers that hold when a request is sent. */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

export function fetcherFor(headers: () => Record<string, string>): Fetcher {
  return createGraphiQLFetcher({
    url: "/v1/graphql",
    enableIncrementalDelivery: false,
    fetch: ((url, request) =>
      fetch(url, {
        ...request,
        headers: { ...(request?.headers as Record<string, string>), ...headers() },
        credentials: "omit",
        cache: "no-store",
      })) as typeof fetch,
    wsClient: createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/graphql`,
      // The headers are those of the connection: it ends with its last subscription.
      lazy: true,
      lazyCloseTimeout: 0,
      retryAttempts: 0,
      connectionParams: () => ({ headers: headers() }),
    }),
  });
}
