import { expect, test } from 'vitest';
import { Problem } from '@/api/problem';
import { asked, proven } from '@/api/proof';

const refusing = (times: number) => {
  const calls = { n: 0 };
  const f = async () => {
    if (calls.n++ < times) throw new Problem({ status: 403, detail: 'once more', needs: 'fresh' });
    return 'done';
  };
  return { calls, f };
};

test('what needs a proof is done once it was given, and two that need it share one', async () => {
  const a = refusing(1);
  const b = refusing(1);
  const both = Promise.all([proven(a.f), proven(b.f)]);
  await new Promise((r) => setTimeout(r));
  expect(asked.get()).toMatchObject({ needs: 'fresh', text: 'once more' });
  asked.get()!.done(true);
  expect(await both).toEqual(['done', 'done']);
  expect([a.calls.n, b.calls.n]).toEqual([2, 2]);
  expect(asked.get()).toBeUndefined();
});

test('who does not want to prove it sees the refusal; no proof is asked for twice in a row', async () => {
  const a = refusing(9);
  const one = proven(a.f);
  await new Promise((r) => setTimeout(r));
  asked.get()!.done(false);
  await expect(one).rejects.toThrow('once more');
  const two = proven(a.f);
  await new Promise((r) => setTimeout(r));
  asked.get()!.done(true);
  await expect(two).rejects.toThrow('once more');
  expect(asked.get()).toBeUndefined();
});
