/** States of an authority for tests, with real keys and certificates. */
import { generateSoftwareSigner, type RolledKeyName, type Signer } from '@postern/keys';
import { createRootCertificate } from '../../root.ts';
import { START_MS, trustDomain } from '../../testing/world.ts';
import type { Step } from '../apply_step.ts';
import type { AuthorityState, Generation } from '../authority_state.ts';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const made = new Map<string, Promise<{ readonly signer: Signer; readonly certificate: string }>>();

/** The same key each time. */
export function keyOf(key: RolledKeyName, generation: number) {
  const name = `${key} ${generation}`;
  const known = made.get(name) ?? make(key);
  made.set(name, known);
  return known;
}

async function make(key: RolledKeyName) {
  const signer = generateSoftwareSigner(key === 'root' ? 'ES384' : 'ES256');
  if (key === 'jwt') return { signer, certificate: '' };
  return { signer, certificate: base64(await createRootCertificate({ signer, trustDomain, nowMs: START_MS })) };
}

export async function prepareOf(key: RolledKeyName, generation: number): Promise<Extract<Step, { kind: 'prepare' }>> {
  const { signer, certificate } = await keyOf(key, generation);
  return { kind: 'prepare', key, generation, spki: base64(signer.spki), ...(key === 'root' && { certificate }) };
}

/** At its beginning: the first of each key signs. */
export async function beginning(): Promise<AuthorityState> {
  const first = async (key: RolledKeyName): Promise<Generation> => {
    const { kind: _, key: __, ...prepared } = await prepareOf(key, 1);
    return { ...prepared, phase: 'signing', sinceMs: START_MS, madeAtMs: START_MS, publishedIn: 1 };
  };
  return {
    trustDomain,
    sequence: 1,
    atMs: START_MS,
    bundleSequence: 1,
    keys: { root: [await first('root')], jwt: [await first('jwt')] },
    foreign: [],
  };
}
