/**
 * A state of the authority as it is stored and handed out: a compact JWS by the assertion key, which `rotate` alone may
 * use. Whoever can write the store, or answer in the control plane's place, names no root.
 */
import { type JwsKey, type Signer, signJws, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type AuthorityState, type Generation, PHASES, ROLLED_KEYS } from './authority_state.ts';

const TYPE = 'postern-authority+jws';
/** Eight distrusted and four living roots with a chain each, and sixteen foreign ones, as base64 twice. */
const MAX_BYTES = 256 * 1024;

/** Cost: one use of the assertion key. Throws `SignerUnavailable` as it does. */
export function signAuthorityState(state: AuthorityState, signer: Signer): Promise<string> {
  return signJws(signer, { typ: TYPE, payload: state });
}

/** `authority-forged`: not signed by `key` · `authority-malformed` · `authority-foreign`: of another trust domain. */
export type AuthorityReason = 'authority-forged' | 'authority-malformed' | 'authority-foreign';

/** `jws`: untrusted. `keys`: public halves of the assertion key. */
export function verifyAuthorityState(
  jws: string,
  keys: readonly JwsKey[],
  trustDomain: string,
): Result<AuthorityState, AuthorityReason> {
  for (const key of keys) {
    const verified = verifyJws(jws, { typ: TYPE, algorithms: ['ES256'], key: () => key, maxBytes: MAX_BYTES });
    if (!verified.ok) continue;
    const state = parse(verified.value.payload);
    if (state === undefined) return refuse('authority-malformed');
    return state.trustDomain === trustDomain ? accept(state) : refuse('authority-foreign');
  }
  return refuse('authority-forged');
}

/** Signed by ourselves, so a state of another form is one of a later version: not half understood. */
function parse(payload: Uint8Array): AuthorityState | undefined {
  try {
    const state = JSON.parse(Buffer.from(payload).toString('utf8')) as AuthorityState;
    const isWhole =
      [state.sequence, state.bundleSequence, state.atMs].every((it) => Number.isSafeInteger(it) && it > 0) &&
      Array.isArray(state.foreign) &&
      ROLLED_KEYS.every((key) => areGenerations(state.keys[key]));
    return isWhole ? state : undefined;
  } catch {
    return undefined;
  }
}

function areGenerations(generations: readonly Generation[]): boolean {
  const isEach = generations.every(
    ({ generation, phase, spki, sinceMs, madeAtMs }) =>
      Number.isSafeInteger(generation) &&
      PHASES.includes(phase) &&
      typeof spki === 'string' &&
      Number.isSafeInteger(sinceMs) &&
      Number.isSafeInteger(madeAtMs),
  );
  const count = (...phases: readonly string[]) => generations.filter(({ phase }) => phases.includes(phase)).length;
  return isEach && count('signing') === 1 && count('prepared', 'published') <= 1;
}
