// What a treasurer has on the table: funds with money in them, a deed, releases that wait for others, applications for zakat. Made
// through the doors of the real program, by those who may.
import { createHash } from 'node:crypto';
import { Program } from './world.mjs';

const idr = (units) => String(units * 100);
const today = new Date().toISOString().slice(0, 10);
export const digestOf = (text) => createHash('sha256').update(text).digest('hex');

/** A statement as a bank writes it (camt.053), of today, from nothing: amounts in whole units, below zero where they left. */
export function statement(iban, rows) {
  const money = (n) => `<Amt Ccy="IDR">${Math.abs(n)}.00</Amt><CdtDbtInd>${n < 0 ? 'DBIT' : 'CRDT'}</CdtDbtInd>`;
  const balance = (code, n) => `<Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp>${money(n)}<Dt><Dt>${today}</Dt></Dt></Bal>`;
  const entry = ([n, ref, name, words]) =>
    `<Ntry>${money(n)}<Sts>BOOK</Sts><BookgDt><Dt>${today}</Dt></BookgDt><AcctSvcrRef>${ref}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><RltdPties><Dbtr><Nm>${name}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>${words}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`;
  const closing = rows.reduce((sum, [n]) => sum + n, 0);
  return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>S-1</Id><FrToDt><FrDtTm>${today}T00:00:00</FrDtTm><ToDtTm>${today}T23:59:59</ToDtTm></FrToDt><Acct><Id><IBAN>${iban}</IBAN></Id><Ccy>IDR</Ccy></Acct>${balance('OPBD', 0)}${balance('CLBD', closing)}${rows.map(entry).join('')}</Stmt></BkToCstmrStmt></Document>`;
}

const more = [
  { id: 'building', name: 'Gedung baru', purpose: 'Lantai dua.', public: true, goal: idr(900_000_000), goalAsset: 'IDR' },
  { id: 'waqf_corpus:sawah', name: 'Wakaf sawah' },
  { id: 'waqf_yield:sawah', name: 'Hasil wakaf sawah', purpose: 'Beasiswa.' },
];

/** Desks and banks of funds, each with something that was given over them. */
async function filled(officer) {
  const open = (a) => officer.ask('POST', '/v1/wallet/accounts', { asset: 'IDR', ...a }).then((r) => r.id);
  const give = (from, fund, n) => officer.ask('POST', '/v1/wallet/gifts', { from, fund, amount: idr(n) });
  const at = {
    general: await open({ kind: 'BANK', fund: 'general', name: 'Bank, kas umum' }),
    zakatDesk: await open({ kind: 'CASH', fund: 'zakat', name: 'Kotak zakat' }),
    building: await open({ kind: 'BANK', fund: 'building', name: 'Bank, gedung' }),
    roof: await open({ kind: 'CASH', fund: 'sadaqah:roof', name: 'Kotak atap' }),
    power: await open({ kind: 'EXPENSE', fund: 'general', name: 'Listrik dan air' }),
  };
  for (const n of [12_500_000, 3_200_000]) await give(at.general, 'general', n);
  await give(at.building, 'building', 212_000_000);
  await give(at.roof, 'sadaqah:roof', 8_400_000);
  await officer.ask('POST', '/v1/wallet/zakat/payments', { from: at.zakatDesk, amount: idr(18_750_000) });
  await officer.ask('POST', '/v1/wallet/transfers', { transfer: { debit: at.power, credit: at.general, amount: idr(1_340_000), memo: 'Listrik' } });
  return at;
}

/** Who asked for help: one who was not looked into yet, and one whose case waits for a decision. */
async function applications(officer, first, second) {
  const apply = (by, need, household, reason) => by.program.ask('POST', '/v1/wallet/zakat/cases', { person: by.id, asset: 'IDR', need: idr(need), household, reason });
  const asked = await apply(first, 1_500_000, 4, 'Sewa rumah dua bulan, sedang tidak bekerja.');
  const waiting = await apply(second, 4_000_000, 2, 'Utang rumah sakit.');
  await officer.ask('POST', `/v1/wallet/zakat/cases/${waiting.id}:assess`, { category: 'gharim', amount: idr(3_000_000), notes: 'Kuitansi rumah sakit dilihat.' });
  return { asked: asked.id, waiting: waiting.id };
}

/** A transfer between members that the rules want a person to look at. */
async function onHold(first, second) {
  const of = async (m) => (await m.program.ask('GET', `/v1/wallet/accounts?owner=${m.id}`)).accounts.find((a) => a.asset === 'IDR').id;
  await first.program.ask('POST', '/v1/wallet/transfers', { transfer: { debit: await of(first), credit: await of(second), amount: idr(45_000), mcc: '6300', memo: 'Premi' } });
}

/** What the bank says of the general fund's account: a gift that is in the books, a fee that is not. */
const bankSays = (officer, account) =>
  officer.ask('POST', '/v1/wallet/reconciliation/statements', {
    account, format: 'CAMT053', bankAccount: 'DE89370400440532013000',
    document: Buffer.from(statement('DE89370400440532013000', [[12_500_000, 'R1', 'Hamba Allah', 'Infak'], [-15_000, 'R2', 'Bank', 'Biaya bulanan']])).toString('base64'),
  });

/** startTreasury needs money.mjs first. officer and second are wallet officers; members are people with accounts, by {login, id}. */
export async function startTreasury({ url, password, officer: officerLogin, second: secondLogin, members }) {
  const officer = await new Program(url).signIn(officerLogin, password);
  const second = await new Program(url).signIn(secondLogin, password);
  for (const f of more) await officer.ask('POST', '/v1/wallet/funds', f);
  await officer.ask('POST', '/v1/wallet/deeds', { id: 'sawah', purposes: ['scholarship', 'books'], conditions: 'Untuk anak yatim lebih dahulu.', document: digestOf('deed') });
  await officer.ask('POST', '/v1/wallet/campaigns', { id: 'lantai-dua', fund: 'building', title: 'Lantai dua', text: 'Ruang belajar untuk anak-anak.', goal: idr(350_000_000), goalAsset: 'IDR', public: true });
  const at = await filled(officer);
  const ask = (fromAccount, toAccount, n, reason) => officer.ask('POST', '/v1/wallet/compliance/releases', { fromAccount, toAccount, amount: idr(n), reason, document: digestOf(reason) });
  const release = await ask(at.general, at.building, 2_000_000, 'Semen untuk lantai dua, kuitansi terlampir.');
  await second.ask('POST', `/v1/wallet/compliance/releases/${release.id}:approve`);
  const [first, other] = await Promise.all(members.map(async (m) => ({ id: m.id, program: await new Program(url).signIn(m.login, password) })));
  await onHold(first, other);
  await bankSays(officer, at.general);
  return { ...at, release: release.id, ...(await applications(officer, first, other)) };
}
