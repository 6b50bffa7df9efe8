/** A self-signed authority as the web has them, and a server certificate by it; both OpenSSL's work. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM. */
export interface WebServer {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** `name`: of the certificate, such as `IP:127.0.0.1` or `DNS:idp.test`. */
export function createWebServer(name: string): WebServer {
  const folder = mkdtempSync(join(tmpdir(), 'postern-web-server-'));
  const file = (base: string) => join(folder, base);
  const make = (base: string, subject: string, more: readonly string[]) =>
    execFileSync(
      'openssl',
      ['req', '-x509', '-config', file('cnf'), '-days', '1', '-subj', subject, '-newkey', 'ec', '-pkeyopt']
        .concat('ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${base}.key`), '-out', file(`${base}.pem`))
        .concat(more),
      { stdio: 'pipe' },
    );
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key')];
  try {
    writeFileSync(file('cnf'), '[req]\ndistinguished_name = name\n[name]\n');
    make('ca', '/O=web authority', ['-addext', 'basicConstraints=critical,CA:TRUE']);
    make('web', '/O=web server', ['-addext', `subjectAltName=${name}`, ...signed]);
    const text = (base: string) => readFileSync(file(base), 'utf8');
    return { ca: text('ca.pem'), cert: text('web.pem'), key: text('web.key') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
