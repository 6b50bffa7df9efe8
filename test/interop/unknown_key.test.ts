import { createPrivateKey } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { validateJwtSvid } from '@postern/agent';
import { PATHS } from '@postern/api';
import { encodePem } from '@postern/der';
import { generateSoftwareSigner, jwkFromSpki, type Signer, signJws } from '@postern/keys';
import { formatTrustBundle, type TrustDomain } from '@postern/spiffe';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority } from '../kit/openssl_svids.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

const OTHER = 'other.test' as TrustDomain;
const AUDIENCE = 'spiffe://demo.test/here';

/** A trust domain of somebody else, whose bundle has a new key now and then. */
let other: OpensslAuthority;
let keys: Signer[];
let endpoint: Server;
let fetches = 0;
let clock: ManualClock;
let node: TestNode;

const bundle = () =>
  formatTrustBundle({
    trustDomain: OTHER,
    sequence: keys.length,
    // Who waits for it does not learn of a key today.
    refreshHintSeconds: 86_400,
    x509Authorities: [other.authorityDer],
    jwtAuthorities: keys.map(({ keyId, spki }) => ({ keyId, jwk: jwkFromSpki(spki) })),
  });

beforeAll(async () => {
  other = createOpensslAuthority('openssl', OTHER);
  keys = [generateSoftwareSigner('ES256')];
  const svid = other.issue('/bundle');
  const key = createPrivateKey({ key: svid.keyDer, format: 'der', type: 'pkcs8' });
  const tls = {
    cert: encodePem('CERTIFICATE', svid.chainDer),
    key: String(key.export({ format: 'pem', type: 'pkcs8' })),
  };
  endpoint = createServer(tls, (_, response) => {
    fetches += 1;
    response.end(bundle());
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  clock = createManualClock(Date.now());
  node = await startTestNode(MINIMAL_POLICIES, { clock, pace: { feedMs: 50 } });
  await node.admin('POST', PATHS.admin.federations, {
    trustDomain: OTHER,
    url: `https://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`,
    profile: 'https_spiffe',
    endpointSpiffeId: `spiffe://${OTHER}/bundle`,
    bootstrapBundle: bundle(),
  });
  await node.plane.tick();
  await node.enter('here', process.execPath, { federatesWith: [OTHER] });
  await node.agent.ready(20_000);
  await waitUntil('this process to be a workload', 20_000, async () => (await validate(keys[0] as Signer)).ok);
});
afterAll(async () => {
  await node?.stop();
  endpoint.close();
  endpoint.closeAllConnections();
  other.remove();
});

/** A JWT-SVID of the other trust domain, validated by the agent of this node. */
async function validate(signer: Signer) {
  const nowSeconds = Math.floor(clock.nowMs() / 1000);
  const claims = { sub: `spiffe://${OTHER}/web`, aud: [AUDIENCE], iat: nowSeconds, exp: nowSeconds + 300 };
  const token = await signJws(signer, { typ: 'JWT', payload: claims });
  return validateJwtSvid({ socketPath: node.socket, timeoutMs: 5000 }, { audience: AUDIENCE, token });
}

test('a token by a key that another trust domain just made is valid a moment later, and not a day', async () => {
  const before = fetches;
  keys.push(generateSoftwareSigner('ES256'));
  const newest = keys.at(-1) as Signer;
  // The endpoint was asked within this minute.
  clock.advanceMs(61_000);
  await node.plane.tick();
  expect(fetches).toBe(before);
  expect(await validate(newest)).toMatchObject({ ok: false });
  // What the agent met goes with its next poll, and the bundle comes with the one after.
  await waitUntil('the new key to be known', 20_000, async () => {
    await node.plane.tick();
    return (await validate(newest)).ok;
  });
  expect(fetches).toBe(before + 1);
});
