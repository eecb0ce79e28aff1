// The schema as introspection shows it, built and validated by GraphQL's reference implementation, and compared with
// the one that is kept in the repository.
import { readFileSync } from 'node:fs';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema } from 'graphql';

const query = getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true });
const response = await fetch(process.env.GATEWAY + '/graphql', {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.TOKEN },
  body: JSON.stringify({ query }),
});
const { data, errors } = await response.json();
if (errors) { console.log(errors); process.exit(1); }
const schema = buildClientSchema(data);
const faults = validateSchema(schema);
for (const fault of faults) console.log(fault.message);
const kept = buildSchema(readFileSync(process.env.SDL, 'utf8'));
const [shown, expected] = [schema, kept].map((s) => printSchema(lexicographicSortSchema(s)).split('\n'));
const same = shown.join('\n') === expected.join('\n');
if (!same) {
  const at = shown.findIndex((line, i) => line !== expected[i]);
  console.log(`line ${at}: ${shown.slice(at, at + 6).join("\n")}\nexpected: ${expected[at]}`);
}
console.log(`graphql-js: ${Object.keys(schema.getTypeMap()).length} types, ${faults.length} errors, ${same ? 'the same as' : 'DIFFERENT from'} the schema that is kept`);
process.exit(faults.length || !same ? 1 : 0);
