/** Where the authority's state is kept: one item, moved on only from the state that it was read as. */
import type { JwsKey, Signer } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type Clock, StoreUnavailable, type Table } from '@postern/store';
import { signAuthorityState, verifyAuthorityState } from './authority_jws.ts';
import type { AuthorityState } from './authority_state.ts';

const KEY = { pk: 'authority', sk: 'state' };

/** Somebody wrote the table who is not `rotate`, or put back what was there before. */
export class AuthorityTampered extends Error {
  override readonly name = 'AuthorityTampered';
}

export interface SignedState {
  readonly state: AuthorityState;
  /** Compact JWS, for whoever verifies it in turn. */
  readonly jws: string;
}

export interface AuthorityStore {
  /**
   * Cost: one read. Undefined before the authority began. Throws `AuthorityTampered` for what the assertion key did not
   * sign, and for a state that is older than one this store has seen.
   */
  read(): Promise<SignedState | undefined>;
  /** Cost: one signature and one conditional write. `authority-moved`: somebody else wrote this sequence, or a later one. */
  write(next: AuthorityState, signer: Signer): Promise<Result<SignedState, 'authority-moved'>>;
}

/** `assertionKey`: its public half, from the key store. */
export function createAuthorityStore(ports: {
  readonly table: Table;
  readonly assertionKey: JwsKey;
  readonly trustDomain: string;
}): AuthorityStore {
  const { table, assertionKey, trustDomain } = ports;
  let newest = 0;
  return {
    async read() {
      const item = await table.get(KEY);
      if (item === undefined && newest > 0) throw new AuthorityTampered('the authority’s state is gone');
      if (item === undefined) return undefined;
      const jws = String(item.attributes['jws']);
      const state = verifyAuthorityState(jws, [assertionKey], trustDomain);
      if (!state.ok) throw new AuthorityTampered(`the authority’s state is refused: ${state.reason}`);
      if (state.value.sequence < newest)
        throw new AuthorityTampered(`the authority’s state is ${state.value.sequence}, after ${newest}`);
      newest = state.value.sequence;
      return { state: state.value, jws };
    },
    async write(next, signer) {
      const jws = await signAuthorityState(next, signer);
      const item = { ...KEY, attributes: { jws, sequence: next.sequence } };
      const isUnmoved =
        next.sequence === 1
          ? ({ kind: 'absent' } as const)
          : ({ kind: 'equals', attribute: 'sequence', value: next.sequence - 1 } as const);
      const written = await table.put(item, isUnmoved);
      if (!written.ok) return refuse('authority-moved');
      newest = Math.max(newest, next.sequence);
      return accept({ state: next, jws });
    },
  };
}

export interface AuthorityReader {
  /** What is known, looked at anew after `maxAgeMs`. Throws only while nothing is known. */
  current(): Promise<SignedState>;
}

/** How long a function goes by what it knows: an issuer or a verifier of an older state is none yet that harms. */
const MAX_AGE_MS = 2_000;

/**
 * For whoever only reads. A state that cannot be had, or that is not to be believed, leaves the last one in place:
 * `onFault` is told. Throws `StoreUnavailable` before `rotate` has run for the first time.
 */
export function createAuthorityReader(ports: {
  readonly store: Pick<AuthorityStore, 'read'>;
  readonly clock: Clock;
  readonly onFault: (fault: unknown) => void;
}): AuthorityReader {
  const { store, clock, onFault } = ports;
  let known: SignedState | undefined;
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      const found = await store.read();
      if (found === undefined) throw new StoreUnavailable('there is no authority yet: `rotate` has not run');
      known = found;
    } catch (fault) {
      if (known === undefined) throw fault;
      onFault(fault);
    }
    freshUntilMs = clock.nowMs() + MAX_AGE_MS;
  }

  return {
    async current() {
      const nowMs = clock.nowMs();
      if (known === undefined || nowMs >= freshUntilMs || nowMs < freshUntilMs - MAX_AGE_MS) {
        reading ??= read().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      return known as SignedState;
    },
  };
}
