// Money as a small site has it: funds, a desk, members' accounts, gifts and transfers, a hold, prices of metals. Made through the doors of
// the real program, by those who may.
import { Program } from './world.mjs';

const idr = (units) => String(units * 100);

/** Funds that are open to givers, and those the rules know by themselves. */
const funds = [
  { id: 'amanah', name: 'Accounts of members' },
  { id: 'general', name: 'Kas umum', purpose: 'Listrik, air dan kebersihan.', public: true },
  { id: 'zakat', name: 'Zakat', purpose: 'Untuk delapan golongan.', public: true },
  { id: 'sadaqah:roof', name: 'Atap ruang salat', purpose: 'Atap baru sebelum musim hujan.', public: true, goal: idr(25_000_000), goalAsset: 'IDR' },
  { id: 'sadaqah:clinic', name: 'Clinic for those who cannot pay', purpose: 'Medicine and visits.', public: true },
  { id: 'charity', name: 'Charity' },
  { id: 'purification', name: 'Purification' },
];

/** The site's desk: a drawer of members' money, where what cannot be credited stands, and the way to be paid over the counter. */
async function desk(officer, owner) {
  const open = (a) => officer.ask('POST', '/v1/wallet/accounts', { asset: 'IDR', fund: 'amanah', ...a }).then((r) => r.id);
  const drawer = await open({ kind: 'CASH', name: 'Loket 1' });
  const suspense = await open({ kind: 'PAYABLE', name: 'Belum jelas' });
  await owner.ask('POST', '/v1/wallet/gateways', { name: 'loket-1', kind: 'GATEWAY_CASH', accounts: [{ account: drawer, suspense }] });
  const bank = await open({ kind: 'BANK', name: 'Bank' });
  await owner.ask('POST', '/v1/wallet/gateways', { name: 'bank', kind: 'GATEWAY_BANK', accounts: [{ account: bank, suspense }] });
  return { drawer, suspense, bank };
}

/** payIn takes cash over the counter, as the cashier's page does. */
export async function payIn(officer, account, amount) {
  const p = await officer.ask('POST', '/v1/wallet/payments', { gateway: 'loket-1', account, amount });
  const event = crypto.randomUUID();
  return officer.ask('POST', `/v1/wallet/payments/${p.id}/confirm`, { event, amount });
}

const send = (by, transfer) => by.ask('POST', '/v1/wallet/transfers', { transfer });
const give = (by, gift) => by.ask('POST', '/v1/wallet/gifts', gift);

/** What moved: cash in, gifts, something between two, money that is held. */
async function moves(officer, member, a) {
  for (const n of [250_000, 500_000, 125_000, 1_200_000]) await payIn(officer, a.member, idr(n));
  await payIn(officer, a.other, idr(750_000));
  await give(member, { from: a.member, fund: 'sadaqah:roof', amount: idr(100_000), memo: 'Semoga cepat selesai' });
  await give(member, { from: a.member, campaign: 'ramadan-meals', amount: idr(75_000) });
  await give(officer, { from: a.other, fund: 'sadaqah:roof', amount: idr(250_000) });
  await send(member, { debit: a.member, credit: a.other, amount: idr(60_000), memo: 'Terima kasih' });
  await send(officer, { debit: a.other, credit: a.member, amount: idr(35_500), memo: 'Kembalian' });
  const hold = await send(officer, { debit: a.member, credit: a.house, amount: idr(150_000), hold: true, timeoutSeconds: 3 * 86_400, reference: 'ROOM-2', memo: 'Deposit, room 2' });
  await send(officer, { debit: a.other, credit: a.house, amount: idr(80_000), hold: true, timeoutSeconds: 7_200, reference: 'SCALES' });
  return hold.id;
}

/**
 * startMoney fills the wallet of a site. people are those who are there by login; officer and member are their names, who sign in with
 * the password. It answers what views show.
 */
export async function startMoney({ url, owner, password, people, officer: officerLogin, member: memberLogin, other: otherLogin, reviewer }) {
  const officer = await new Program(url).signIn(officerLogin, password);
  const member = await new Program(url).signIn(memberLogin, password);
  const id = (login) => people.find((p) => p.login === login).id;
  for (const f of funds) await officer.ask('POST', '/v1/wallet/funds', f);
  await officer.ask('POST', '/v1/wallet/campaigns', { id: 'ramadan-meals', fund: 'sadaqah:clinic', title: 'Meals in Ramadan', text: 'A warm meal each evening for whoever comes.', goal: idr(5_000_000), goalAsset: 'IDR', public: true });
  await officer.ask('POST', '/v1/wallet/assets', { code: 'XAU_MG', scale: 0, name: 'Gold, milligrams' });
  const at = await desk(officer, owner);
  const open = (a) => officer.ask('POST', '/v1/wallet/accounts', { kind: 'MEMBER', asset: 'IDR', ...a }).then((r) => r.id);
  const a = { member: await open({ owner: id(memberLogin), name: 'Tabungan' }), other: await open({ owner: id(otherLogin), name: 'Belanja' }), house: await open({ kind: 'PAYABLE', fund: 'amanah', name: 'Deposits' }), gold: await open({ owner: id(memberLogin), name: 'Emas', asset: 'XAU_MG' }) };
  const hold = await moves(officer, member, a);
  if (reviewer) {
    const by = await new Program(url).signIn(reviewer, password);
    await by.ask('POST', '/v1/wallet/zakat/prices', { asset: 'IDR', gold: idr(2_150_000), silver: idr(26_500) });
  }
  // One who asked for it has their lunar year followed.
  await member.ask('POST', '/v1/wallet/zakat/hawl', { person: id(memberLogin), asset: 'IDR', wealth: {} });
  return { ...at, ...a, hold, officer, memberProgram: member };
}
