/** One certificate of each kind that the authority makes, for judges from outside. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { generateSoftwareSigner, type SignatureAlgorithm } from '@postern/keys';
import { createCsr } from '../create_csr.ts';
import { PROFILES, WORKLOAD_PROFILE } from '../profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from '../root.ts';
import { createWorld, must, START_MS, spiffeId, trustDomain } from './world.ts';

export interface Minted {
  readonly name: string;
  /** DER; itself first, the root last. A root is alone. */
  readonly path: readonly Uint8Array[];
}

const ec = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa = (modulusLength: number) => () => generateKeyPairSync('rsa', { modulusLength }).privateKey;

/** Every kind of key that a leaf may have. */
export const LEAF_KEYS: readonly (readonly [name: string, make: () => KeyObject])[] = [
  ['P-256', ec('P-256')],
  ['P-384', ec('P-384')],
  ['RSA 2048', rsa(2048)],
  ['RSA 3072', rsa(3072)],
  ['RSA 4096', rsa(4096)],
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
];

const ROOT_ALGORITHMS: readonly SignatureAlgorithm[] = ['ES384', 'ES256', 'RS256', 'EdDSA'];

export async function mintEveryKind(): Promise<readonly Minted[]> {
  return [...(await mintAuthorities()), ...(await mintLeaves())];
}

async function mintAuthorities(): Promise<Minted[]> {
  const minted: Minted[] = [];
  for (const algorithm of ROOT_ALGORITHMS) {
    const rootSigner = generateSoftwareSigner(algorithm);
    const der = await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS });
    minted.push({ name: `a root with a key for ${algorithm}`, path: [der] });
    const root = readOwnCertificate(der);
    for (const isNameConstrained of [false, true]) {
      const { spki } = generateSoftwareSigner('ES256');
      const issuer = await certifyIssuer({ rootSigner, root, spki, trustDomain, nowMs: START_MS, isNameConstrained });
      const constraint = isNameConstrained ? ', with a name constraint' : '';
      minted.push({ name: `an issuer by a root with a key for ${algorithm}${constraint}`, path: [issuer, der] });
    }
  }
  return minted;
}

async function mintLeaves(): Promise<Minted[]> {
  const world = await createWorld();
  const minted: Minted[] = [];
  async function leaf(name: string, key: KeyObject, profile: string, dnsNames: readonly string[]): Promise<void> {
    const request = { spiffeId, dnsNames, profile: PROFILES[profile] ?? WORKLOAD_PROFILE, requester: 'test' };
    const issued = must(await world.authority.issueX509Svid({ ...request, csr: createCsr(key, {}) }));
    minted.push({ name, path: [...issued.chain, world.root] });
  }
  for (const profile of Object.values(PROFILES)) {
    const request = { spiffeId, dnsNames: ['payments.demo.test'], profile, requester: 'test', isServer: true } as const;
    const issued = must(await world.authority.issueX509Svid({ ...request, csr: createCsr(ec('P-256')(), {}) }));
    minted.push({ name: `a server’s certificate of the profile ${profile.name}`, path: [...issued.chain, world.root] });
  }
  for (const [name, make] of LEAF_KEYS) await leaf(`a leaf for ${name}`, make(), 'workload', []);
  for (const profile of Object.keys(PROFILES))
    await leaf(`a leaf of the profile ${profile}, with DNS names`, ec('P-256')(), profile, [
      'payments.demo.test',
      'xn--bcher-kva.demo.test',
      'a--b.demo.test',
    ]);
  return minted;
}
