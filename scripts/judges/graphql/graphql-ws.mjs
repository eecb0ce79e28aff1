// A client of the "GraphQL over WebSocket Protocol" (npm graphql-ws): a query, a mutation, a subscription that ends,
// one that the client ends, a refusal.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const connect = (token) => createClient({
  url: process.env.GATEWAY.replace('http', 'ws') + '/graphql',
  retryAttempts: 0,
  webSocketImpl: class extends WebSocket {
    constructor(url, protocols) { super(url, protocols, { headers: token ? { authorization: 'Bearer ' + token } : {} }); }
  },
});
const all = async (client, query) => {
  const list = [];
  for await (const result of client.iterate({ query })) list.push(result);
  return list;
};

const client = connect(process.env.TOKEN);
assert.ok((await all(client, '{ status { site } }'))[0].data.status.site);
assert.ok((await all(client, 'mutation { setSetting(key: "a", value: "b") { value } }'))[0].data.setSetting);
assert.equal((await all(client, 'subscription { watchStatus { site } }')).length, 2);
for await (const result of client.iterate({ query: 'subscription { watchLedger { joined } }' })) {
  assert.equal(result.data.watchLedger.joined, true);
  break; // the client ends it
}
const stranger = connect('');
await assert.rejects(all(stranger, 'subscription { watchStatus { site } }'), (errors) => errors[0].extensions.status === 401);
await client.dispose();
await stranger.dispose();
console.log('graphql-ws: 5 ok, 0 errors');
process.exit(0);
