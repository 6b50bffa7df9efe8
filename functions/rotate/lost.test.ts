/** What was there and is gone is not made anew: whoever can delete would otherwise begin another past. */
import { FeedTampered } from '@postern/feed';
import { createMemoryObjects } from '@postern/store/embedded';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSeparately, type Separate } from '../testing/separate.ts';
import { loadRoot } from './root.ts';

let separate: Separate;
beforeEach(async () => {
  separate = await openSeparately();
  await separate.served.rotate.tick?.();
});
afterEach(() => separate.remove());

test('a second start finds feed and root as they were', async () => {
  const head = await separate.table.get({ pk: 'feed', sk: 'head' });
  await (await separate.reopenRotate()).tick?.();
  expect(await separate.table.get({ pk: 'feed', sk: 'head' })).toEqual(head);
});

test('a feed that was deleted is not begun anew, with every revocation gone', async () => {
  await separate.table.delete({ pk: 'feed', sk: 'head' });
  await expect(separate.reopenRotate()).rejects.toBeInstanceOf(FeedTampered);
  expect(await separate.table.get({ pk: 'feed', sk: 'head' })).toBeUndefined();
});

test('a root that is gone is not made anew, since others have pinned the first', async () => {
  const objects = createMemoryObjects();
  Object.assign(separate.objects, objects);
  await expect(separate.reopenRotate()).rejects.toBeInstanceOf(FeedTampered);
  expect(await objects.get('authority/root.der')).toBeUndefined();
});

test('a root with the right key and somebody else’s signature is believed by nobody', async () => {
  const der = Uint8Array.from((await separate.objects.get('authority/root.der')) ?? []);
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const objects = createMemoryObjects();
  await objects.putIfAbsent('authority/root.der', der);
  const { spki, trustDomain } = await separate.rootKey();
  await expect(loadRoot({ objects, spki, trustDomain })).rejects.toThrow('not signed by the root key');
});
