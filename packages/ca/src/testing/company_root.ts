/** A company's authority that is OpenSSL's work: a root, and intermediates by it from requests or for keys of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem, parsePem } from '@postern/der';
import { openSsl } from './openssl.ts';

export interface CompanyAuthority {
  readonly certificate: Uint8Array;
  /** `extensions`: lines of OpenSSL's configuration, in place of what was asked for. `days`: from now on. */
  sign(csr: Uint8Array, options?: { readonly extensions?: readonly string[]; readonly days?: number }): Uint8Array;
  /** An authority below this one, with a key of its own. */
  below(name: string, extensions?: readonly string[]): CompanyAuthority;
}

export interface Company extends CompanyAuthority {
  readonly remove: () => void;
  /** Another root of the same name. */
  stranger(): CompanyAuthority;
}

export const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const KEY_IDS = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'];

/** `root`: extensions of it. */
export function createCompany(root: readonly string[] = AUTHORITY): Company {
  const dir = mkdtempSync(join(tmpdir(), 'postern-company-'));
  const file = (name: string) => join(dir, name);
  // The system's own configuration adds extensions that differ from one distribution to the next.
  writeFileSync(file('openssl.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
  let made = 0;

  const derOf = (path: string): Uint8Array => {
    const parsed = parsePem(readFileSync(path, 'utf8'), 'CERTIFICATE', { maxBytes: 65_536 });
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value[0] as Uint8Array;
  };

  function makeRoot(): CompanyAuthority {
    const name = `root${made++}`;
    openSsl([
      ...['req', '-x509', '-config', file('openssl.cnf'), '-days', '3650', '-subj', '/O=Company/CN=Company Root'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)],
      ...[...root, 'subjectKeyIdentifier=hash'].flatMap((extension) => ['-addext', extension]),
    ]);
    return authorityOf(name);
  }

  function authorityOf(name: string): CompanyAuthority {
    return {
      certificate: derOf(file(`${name}.pem`)),
      sign(csr, { extensions, days = 365 } = {}) {
        const path = file(`csr${made++}`);
        writeFileSync(`${path}.pem`, encodePem('CERTIFICATE REQUEST', csr));
        writeFileSync(`${path}.ext`, [...(extensions ?? []), ...KEY_IDS].join('\n'));
        openSsl([
          ...['x509', '-req', '-in', `${path}.pem`, '-CA', file(`${name}.pem`), '-CAkey', file(`${name}.key`)],
          ...['-set_serial', `0x${(0x7000_0000 + made).toString(16)}`, '-days', String(days), '-sha256'],
          ...(extensions === undefined ? ['-copy_extensions', 'copy'] : []),
          ...['-extfile', `${path}.ext`, '-out', `${path}.crt`],
        ]);
        return derOf(`${path}.crt`);
      },
      below(common, extensions = AUTHORITY) {
        const child = `below${made++}`;
        openSsl([
          ...['req', '-new', '-config', file('openssl.cnf'), '-subj', `/O=Company/CN=${common}`],
          ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-outform', 'DER'],
          ...['-keyout', file(`${child}.key`), '-out', file(`${child}.csr`)],
        ]);
        const der = this.sign(Uint8Array.from(readFileSync(file(`${child}.csr`))), { extensions });
        writeFileSync(file(`${child}.pem`), encodePem('CERTIFICATE', der));
        return authorityOf(child);
      },
    };
  }

  return { ...makeRoot(), stranger: makeRoot, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
