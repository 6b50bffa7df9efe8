/** Pages of one partition, in the order of the sort keys' bytes. */
import { describe, expect, test } from 'vitest';
import type { Query } from '../../table.ts';
import type { World } from './world.ts';

/** In the order of their UTF-8. By UTF-16 code units the last two change places, by any locale many do. */
const ordered = [
  ...['\u0000', '\u0001', ' ', '!', '0', '00', '1', '10', '2', 'A', 'B', 'Z', '_', 'a', 'a\u0000', 'a ', 'a#', 'a#1'],
  ...['a#1/x', 'a#2', 'aa', 'a~', 'a\u007f', 'a\u0080', 'aé', 'a\uffff', 'a\u{10000}', 'a\u{10ffff}', 'b', 'é', 'é1'],
  ...['ê', '\u{e000}', '\uffff', '\u{10000}'],
];

const prefixes = [
  'a',
  'a#',
  'a#1',
  'é',
  '\u00e9',
  'a\uffff',
  '\uffff',
  '\u{10000}',
  '0',
  '\u0000',
  'a\u007f',
  'zz',
  'a\u{10ffff}',
];

export function describeQueries({ table, createPk }: World): void {
  async function filled(sks: readonly string[]): Promise<string> {
    const pk = createPk();
    const shuffled = [...sks].sort(
      (a, b) => ((a.length * 7 + a.charCodeAt(0)) % 11) - ((b.length * 7 + b.charCodeAt(0)) % 11),
    );
    for (const sk of shuffled) await table().put({ pk, sk, attributes: { was: sk } });
    return pk;
  }

  async function sksOf(query: Query): Promise<string[]> {
    return (await table().query(query)).items.map((item) => item.sk);
  }

  /** All pages of a query, each checked for its size and cursor. */
  async function paged(query: Query & { readonly limit: number }): Promise<string[]> {
    const sks: string[] = [];
    for (let after = query.after; ; ) {
      const page = await table().query({ ...query, after });
      sks.push(...page.items.map((item) => item.sk));
      if (page.next === undefined) return sks;
      expect(page.items).toHaveLength(query.limit);
      expect(page.next).toBe(page.items.at(-1)?.sk);
      after = page.next;
    }
  }

  describe('a query', () => {
    test('answers in the order of the bytes, both ways', async () => {
      const pk = await filled(ordered);
      expect(await sksOf({ pk, limit: 1000 })).toEqual(ordered);
      expect(await sksOf({ pk, limit: 1000, reverse: true })).toEqual(ordered.toReversed());
    });

    test('answers items whole', async () => {
      const pk = await filled(['a']);
      expect(await table().query({ pk })).toStrictEqual({ items: [{ pk, sk: 'a', attributes: { was: 'a' } }] });
    });

    test('by prefix answers what begins with it and nothing else', async () => {
      const pk = await filled(ordered);
      for (const prefix of prefixes) {
        const expected = ordered.filter((sk) => sk.startsWith(prefix));
        expect(await sksOf({ pk, prefix, limit: 1000 }), JSON.stringify(prefix)).toEqual(expected);
        expect(await sksOf({ pk, prefix, limit: 1000, reverse: true })).toEqual(expected.toReversed());
        expect(await paged({ pk, prefix, limit: 2 })).toEqual(expected);
        expect(await paged({ pk, prefix, limit: 2, reverse: true })).toEqual(expected.toReversed());
      }
    });

    test('with an empty prefix answers all', async () => {
      const pk = await filled(['a', 'b']);
      expect(await sksOf({ pk, prefix: '' })).toEqual(['a', 'b']);
    });

    test('a prefix is no pattern', async () => {
      const pk = await filled(['a%', 'ab', 'a_', 'a*', 'A%']);
      expect(await sksOf({ pk, prefix: 'a%' })).toEqual(['a%']);
      expect(await sksOf({ pk, prefix: 'a_' })).toEqual(['a_']);
      expect(await sksOf({ pk, prefix: 'a*' })).toEqual(['a*']);
    });

    test.each([1, 2, 3, 7, 30, 35, 36])('pages of %i are the whole, both ways', async (limit) => {
      const pk = await filled(ordered);
      expect(await paged({ pk, limit })).toEqual(ordered);
      expect(await paged({ pk, limit, reverse: true })).toEqual(ordered.toReversed());
    });

    test('starts strictly after a cursor, also one that is not there or outside of the prefix', async () => {
      const pk = await filled(['b1', 'b2', 'b3', 'c']);
      expect(await sksOf({ pk, after: 'b2' })).toEqual(['b3', 'c']);
      expect(await sksOf({ pk, after: 'b2', reverse: true })).toEqual(['b1']);
      expect(await sksOf({ pk, after: 'b25' })).toEqual(['b3', 'c']);
      expect(await sksOf({ pk, after: 'b25', reverse: true })).toEqual(['b2', 'b1']);
      expect(await sksOf({ pk, prefix: 'b', after: 'a' })).toEqual(['b1', 'b2', 'b3']);
      expect(await sksOf({ pk, prefix: 'b', after: 'd' })).toEqual([]);
      expect(await sksOf({ pk, prefix: 'b', after: 'd', reverse: true })).toEqual(['b3', 'b2', 'b1']);
      expect(await sksOf({ pk, prefix: 'b', after: 'a', reverse: true })).toEqual([]);
    });

    test('of an empty partition, or past the end, is an empty last page', async () => {
      const pk = await filled(['a']);
      expect(await table().query({ pk: createPk() })).toEqual({ items: [] });
      expect(await table().query({ pk, after: 'a' })).toEqual({ items: [] });
      expect(await table().query({ pk, after: 'a', reverse: true })).toEqual({ items: [] });
    });

    test('that ends exactly with the partition comes to an end', async () => {
      const pk = await filled(['a', 'b']);
      const page = await table().query({ pk, limit: 2 });
      expect(page.items).toHaveLength(2);
      if (page.next !== undefined) expect(await table().query({ pk, after: page.next })).toEqual({ items: [] });
    });

    test('answers a hundred items when it names no limit', async () => {
      const pk = await filled(Array.from({ length: 101 }, (_, index) => index.toString().padStart(3, '0')));
      const page = await table().query({ pk });
      expect(page.items).toHaveLength(100);
      expect(page.next).toBe('099');
    });

    test('keeps its place when items before and behind the cursor come and go', async () => {
      const pk = await filled(['a', 'b', 'c', 'd']);
      const page = await table().query({ pk, limit: 2 });
      await table().delete({ pk, sk: 'b' });
      await table().put({ pk, sk: 'aa', attributes: {} });
      await table().put({ pk, sk: 'cc', attributes: {} });
      expect(await sksOf({ pk, after: page.next })).toEqual(['c', 'cc', 'd']);
    });

    test('answers large items, however many fit into one answer of the store', async () => {
      const pk = createPk();
      const text = 'x'.repeat(300_000);
      const sks = ['1', '2', '3', '4', '5'];
      for (const sk of sks) await table().put({ pk, sk, attributes: { text } });
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await table().query({ pk, after });
        seen.push(...page.items.map((item) => item.sk));
        after = page.next;
        if (after === undefined) break;
      }
      expect(seen).toEqual(sks);
    });
  });
}
