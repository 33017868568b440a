// PostGraphile 5 over the tables of the project; whose rows they are is row-level security's business.
import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { makeV4Preset } from "postgraphile/presets/v4";

const { DATABASE_URL, PORT, JWT_KEY, ROLE } = process.env;

// A verified token is remembered, as the engine does.
const users = new Map();
function user(authorization) {
  let found = users.get(authorization);
  if (found === undefined) {
    const claims = jwt.verify(authorization.slice("Bearer ".length), JWT_KEY, { algorithms: ["HS256"] });
    found = claims["https://hasura.io/jwt/claims"]["x-hasura-user-id"];
    users.set(authorization, found);
  }
  return found;
}

const instance = postgraphile({
  extends: [makeV4Preset({ simpleCollections: "both", disableDefaultMutations: true })],
  pgServices: [makePgService({ connectionString: DATABASE_URL, schemas: ["public"] })],
  grafserv: { graphqlPath: "/graphql", graphiql: false },
  grafast: {
    context: ({ node }) => ({
      pgSettings: { role: ROLE, "peer.user_id": user(node.req.headers.authorization) },
    }),
  },
});
const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(PORT), "127.0.0.1");
