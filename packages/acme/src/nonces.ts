/**
 * Nonces (RFC 8555 6.5): made without a write, since anybody may ask for them, and spent by one conditional write, so that
 * of two requests with one nonce one gets through. What is kept is what was spent, for as long as it would have been good.
 */
import { randomBytes } from 'node:crypto';
import { constantTimeEqual, type Mac } from '@postern/keys';
import type { Clock, Table } from '@postern/store';

export interface Nonces {
  create(): Promise<string>;
  /** Whether it is one of ours and of now. `nonce`: untrusted. Cost: none. */
  isGood(nonce: string): Promise<boolean>;
  /** False when somebody was first. `nonce`: a good one. Cost: one conditional write. */
  spend(nonce: string): Promise<boolean>;
}

/** Clients keep the last one for the next request; a client that waits longer is told `badNonce`, and goes on with another. */
const LIFE_MS = 30 * 60 * 1000;
const RANDOM_BYTES = 16;
const TAG_BYTES = 16;
const NONCE = /^([0-9a-z]{1,10})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})$/;
const INPUT = 'acme-nonce\u0000';

/** `mac`: key `acme`. */
export function createNonces(ports: {
  readonly table: Pick<Table, 'put'>;
  readonly mac: Mac;
  readonly clock: Clock;
}): Nonces {
  const { table, mac, clock } = ports;
  const tagOf = async (text: string) => (await mac.compute(Buffer.from(INPUT + text))).slice(0, TAG_BYTES);

  return {
    async create() {
      // RFC 8555 6.5.1: base64url and nothing else.
      const text = `${Math.floor(clock.nowMs() / 1000).toString(36)}.${randomBytes(RANDOM_BYTES).toString('base64url')}`;
      return encode(`${text}.${Buffer.from(await tagOf(text)).toString('base64url')}`);
    },
    async isGood(nonce) {
      const [, time, random, tag] = NONCE.exec(decode(nonce)) ?? [];
      if (time === undefined || random === undefined || tag === undefined) return false;
      const ageMs = clock.nowMs() - Number.parseInt(time, 36) * 1000;
      if (!(ageMs >= -60_000 && ageMs <= LIFE_MS)) return false;
      return constantTimeEqual(await tagOf(`${time}.${random}`), Buffer.from(tag, 'base64url'));
    },
    async spend(nonce) {
      const expiresAtSeconds = Math.ceil((clock.nowMs() + LIFE_MS) / 1000) + 120;
      const put = await table.put(
        { pk: `acme-nonce#${nonce}`, sk: 'spent', attributes: {}, expiresAtSeconds },
        { kind: 'absent' },
      );
      return put.ok;
    },
  };
}

const MAX_NONCE_CHARS = 128;
const encode = (text: string) => Buffer.from(text).toString('base64url');

/** One spelling for each nonce, so that none is spent twice under two. */
function decode(nonce: string): string {
  if (nonce.length > MAX_NONCE_CHARS) return '';
  const bytes = Buffer.from(nonce, 'base64url');
  return bytes.toString('base64url') === nonce ? bytes.toString('latin1') : '';
}
