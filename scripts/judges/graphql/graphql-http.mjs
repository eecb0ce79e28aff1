// The audit of "GraphQL over HTTP" (npm graphql-http). A warning is a SHOULD that is not kept, an error a MUST. The
// audit asks for __type, so it is signed in.
import { serverAudits } from 'graphql-http';

const url = process.env.GATEWAY + '/graphql';
const fetchFn = (to, o = {}) => fetch(to, { ...o, headers: { ...o.headers, authorization: 'Bearer ' + process.env.TOKEN } });
let ok = 0, notices = 0, warnings = 0, errors = 0;
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  if (result.status === 'ok') { ok++; continue; }
  if (result.status === 'error') errors++;
  else if (result.status === 'warn') warnings++;
  else notices++;
  console.log(`${result.status}: ${audit.name}: ${result.reason}`);
}
console.log(`graphql-http: ${ok} ok, ${notices} notices, ${warnings} warnings, ${errors} errors`);
process.exit(errors ? 1 : 0);
