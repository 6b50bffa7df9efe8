import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An X.509-SVID in the form in which the Workload API carries it: DER throughout, the key as PKCS #8. */
export type OpensslSvid = { spiffeId: string; chainDer: Buffer; keyDer: Buffer; serialHex: string };

/** A trust domain's authority that is OpenSSL's work alone: nothing of this repository's code made or judged it. */
export type OpensslAuthority = {
  trustDomain: string;
  authorityDer: Buffer;
  authorityPem: string;
  issue: (path: string) => OpensslSvid;
  remove: () => void;
};

/** Makes a P-256 root in a fresh folder; `issue` makes leaves by X509-SVID 4 and 5, valid for a day. */
export function createOpensslAuthority(openssl: string, trustDomain: string): OpensslAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'postern-openssl-'));
  const file = (name: string) => join(folder, name);
  // The system's own configuration adds extensions that differ from one distribution to the next.
  writeFileSync(file('openssl.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
  const request = (name: string, subject: string, extensions: string[], more: string[]) =>
    execFileSync(
      openssl,
      [
        ...['req', '-x509', '-config', file('openssl.cnf'), '-days', '1', '-subj', subject],
        ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)],
        ...extensions.flatMap((extension) => ['-addext', extension]),
        ...more,
      ],
      { stdio: 'pipe' },
    );
  request(
    'root',
    '/O=outside authority',
    [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      `subjectAltName=URI:spiffe://${trustDomain}`,
    ],
    [],
  );
  let issued = 0;
  return {
    trustDomain,
    authorityDer: new X509Certificate(readFileSync(file('root.pem'))).raw,
    authorityPem: readFileSync(file('root.pem'), 'utf8'),
    issue: (path) => {
      const name = `leaf${issued++}`;
      const spiffeId = `spiffe://${trustDomain}${path}`;
      request(
        name,
        '/O=outside workload',
        [
          'basicConstraints=critical,CA:FALSE',
          'keyUsage=critical,digitalSignature',
          'extendedKeyUsage=serverAuth,clientAuth',
          'subjectKeyIdentifier=hash',
          'authorityKeyIdentifier=keyid',
          `subjectAltName=URI:${spiffeId}`,
        ],
        ['-CA', file('root.pem'), '-CAkey', file('root.key')],
      );
      const leaf = new X509Certificate(readFileSync(file(`${name}.pem`)));
      const key = createPrivateKey(readFileSync(file(`${name}.key`)));
      return {
        spiffeId,
        chainDer: leaf.raw,
        keyDer: key.export({ type: 'pkcs8', format: 'der' }),
        serialHex: leaf.serialNumber.toLowerCase(),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
