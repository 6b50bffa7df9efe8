/** From an SVID up to the key in KMS, by Node's X.509. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { PATHS } from '@postern/api';
import type { CloudDemo } from '../start.ts';

interface Bundle {
  readonly keys: readonly { readonly use: string; readonly x5c?: readonly string[] }[];
}

/** Leaf and ephemeral issuer, signed by the root, whose public key is the one that KMS shows. */
export async function checkChain({ plane, reports }: CloudDemo): Promise<string> {
  const certificates = reports.cert.split(/(?<=-----END CERTIFICATE-----\n)/).filter((pem) => pem.trim() !== '');
  const [leaf, issuer, ...more] = certificates.map((pem) => new X509Certificate(pem));
  if (leaf === undefined || issuer === undefined || more.length > 0)
    throw new Error(`${certificates.length} certificates`);
  const root = new X509Certificate(reports.ca);
  const kms = await publicKeyInKms(plane);
  if (!leaf.verify(issuer.publicKey)) throw new Error('the issuer did not sign the SVID');
  if (!issuer.ca || !issuer.verify(root.publicKey)) throw new Error('the root did not sign the issuer');
  if (!root.publicKey.equals(kms)) throw new Error('the key of the root is not the one in KMS');
  if (issuer.publicKey.equals(kms) || leaf.ca) throw new Error('the SVID is signed by the root itself');
  const minutes = Math.round((Date.parse(issuer.validTo) - Date.parse(issuer.validFrom)) / 60_000);
  return `issuer of ${minutes} minutes, root ${root.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}…`;
}

export async function checkTrustBundle({ plane, reports }: CloudDemo): Promise<string> {
  const url = plane.url + PATHS.trustBundle;
  const bundle = (await (await fetch(url)).json()) as Bundle;
  const roots = bundle.keys.filter(({ use }) => use === 'x509-svid').flatMap(({ x5c }) => x5c ?? []);
  const [root] = roots.map((text) => new X509Certificate(Buffer.from(text, 'base64')));
  if (roots.length !== 1 || root === undefined) throw new Error(`${roots.length} roots`);
  if (root.fingerprint256 !== new X509Certificate(reports.ca).fingerprint256) throw new Error('another root');
  return url;
}

async function publicKeyInKms({ aws, functions }: CloudDemo['plane']) {
  const KeyId = functions.rotate.variables['POSTERN_KEY_ROOT'];
  const { PublicKey } = await aws.json<{ PublicKey: string }>('kms', 'TrentService.GetPublicKey', { KeyId });
  return createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' });
}
