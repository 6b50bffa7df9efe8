/** An SVID of this very program, from the Workload API: the kernel says what we run, the entries say who that is. */
import { fetchX509Svids } from '@postern/agent';
import { encodePem } from '@postern/der';
import type { Places } from './places.ts';

export interface Identity {
  /** PEM, leaf first. */
  readonly cert: string;
  /** PKCS#8 PEM. */
  readonly key: string;
  /** PEM of the trust domain's authorities. */
  readonly ca: string;
}

export async function fetchIdentity(places: Pick<Places, 'workloadApiSocket'>, spiffeId: string): Promise<Identity> {
  const fetched = await fetchX509Svids({ socketPath: places.workloadApiSocket, timeoutMs: 10_000 });
  if (!fetched.ok) throw new Error(`no SVID from the agent: ${fetched.reason}`);
  const svid = fetched.value.svids.find((held) => held.spiffeId === spiffeId);
  if (svid === undefined) throw new Error(`this program is not \`${spiffeId}\``);
  const pems = (certificates: readonly Uint8Array[]) =>
    certificates.map((der) => encodePem('CERTIFICATE', der)).join('');
  return { cert: pems(svid.chain), key: encodePem('PRIVATE KEY', svid.privateKey), ca: pems(svid.bundle) };
}
