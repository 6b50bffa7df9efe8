/** The hash chain that ties every entry of the feed to its signed head. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import type { FeedEntry } from './wire.ts';

/** Chain value before the first entry; bound to the epoch, so that two epochs share no value. */
export function chainStart(epoch: string): string {
  return createHash('sha256').update(`postern-feed\0${epoch}`).digest('hex');
}

/** `chain`: hex value after the entry before. */
export function chainNext(chain: string, entry: FeedEntry): string {
  return createHash('sha256').update(chain, 'hex').update(canonicalJson(entry)).digest('hex');
}
