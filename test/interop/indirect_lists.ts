/**
 * A leaf that is not revoked, and an empty list for it: signed by whoever issued the leaf, or by somebody whom the leaf
 * names for it (an indirect list, RFC 5280 5.2.5). All of it OpenSSL's work.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ListedLeaf {
  /** Paths, PEM. */
  readonly root: string;
  readonly leaf: string;
  readonly leafKey: string;
  readonly list: string;
  /** Whose key signed the list. */
  readonly listSigner: string;
}

const POINT = 'fullname=URI:http://lists.demo.test/0';

/** `dir`: is made. */
export function createListedLeaf(openssl: string, dir: string, isIndirect: boolean): ListedLeaf {
  mkdirSync(dir);
  const file = (name: string) => join(dir, name);
  const run = (...args: string[]) => execFileSync(openssl, args, { cwd: dir, stdio: 'pipe' });
  const leaf = [
    'basicConstraints=CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth',
    'subjectAltName=URI:spiffe://demo.test/a',
    'authorityKeyIdentifier=keyid',
    'crlDistributionPoints=point',
    `[point]\n${POINT}`,
    ...(isIndirect ? ['CRLissuer=dirName:who\n[who]\nO=Lists'] : []),
  ];
  const lists = ['basicConstraints=CA:FALSE', 'keyUsage=critical,cRLSign', 'subjectKeyIdentifier=hash'];
  const authority = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  const list = ['authorityKeyIdentifier=keyid', 'issuingDistributionPoint=critical,@point'];
  const configuration = [
    ...['[req]', 'distinguished_name=name', '[name]', '[ca]', 'default_ca=here'],
    ...['[here]', 'database=index.txt', 'crlnumber=number', 'default_md=sha256', 'default_crl_days=1'],
    ...['crl_extensions=list', '[list]', ...list, '[point]', POINT, ...(isIndirect ? ['indirectCRL=TRUE'] : [])],
  ];
  writeFileSync(file('openssl.cnf'), configuration.join('\n'));
  writeFileSync(file('leaf.ext'), leaf.join('\n'));
  writeFileSync(file('lists.ext'), lists.join('\n'));
  writeFileSync(file('index.txt'), '');
  writeFileSync(file('number'), '01\n');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-config', 'openssl.cnf'];
  const extensions = [...authority, 'subjectKeyIdentifier=hash'].flatMap((extension) => ['-addext', extension]);
  run('req', '-x509', ...key, '-subj', '/O=Root', '-keyout', 'root.key', '-out', 'root.pem', ...extensions);
  for (const [name, subject] of [
    ['leaf', '/O=Leaf'],
    ['lists', '/O=Lists'],
  ] as const) {
    run('req', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signed = ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    run('x509', '-req', '-in', `${name}.csr`, ...signed, '-days', '1', '-out', `${name}.pem`);
  }
  const signer = isIndirect ? 'lists' : 'root';
  const by = ['-cert', `${signer}.pem`, '-keyfile', `${signer}.key`];
  run('ca', '-gencrl', '-config', 'openssl.cnf', ...by, '-out', 'list.pem');
  return {
    root: file('root.pem'),
    leaf: file('leaf.pem'),
    leafKey: file('leaf.key'),
    list: file('list.pem'),
    listSigner: file(`${signer}.pem`),
  };
}
