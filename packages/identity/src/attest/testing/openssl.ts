/** OpenSSL as the signer of documents and the maker of certificates for servers: an outside implementation of both. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why these tests do not run here; undefined when they do. In CI its absence is a failure. */
export const missingOpenSsl: string | undefined =
  hasOpenSsl() || process.env['CI'] === 'true' ? undefined : 'openssl is not installed';

function hasOpenSsl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export interface Certified {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'postern-openssl-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const run = (args: readonly string[], input?: Uint8Array): Buffer =>
  execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });

/** Self-signed; `extension`: such as `subjectAltName=IP:127.0.0.1`. */
export function createCertificate(options: { readonly bits?: number; readonly extension?: string } = {}): Certified {
  return inFolder((folder) => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const subject = '/C=US/ST=Washington State/L=Seattle/O=Amazon Web Services LLC';
    const extension = options.extension === undefined ? [] : ['-addext', options.extension];
    const size = `rsa:${options.bits ?? 2048}`;
    run([
      'req',
      '-x509',
      '-newkey',
      size,
      '-nodes',
      '-days',
      '2',
      '-subj',
      subject,
      '-keyout',
      key,
      '-out',
      certificate,
      ...extension,
    ]);
    return { certificate: readFileSync(certificate, 'utf8'), privateKey: readFileSync(key, 'utf8') };
  });
}

/** CMS SignedData with the content inside, as base64 without lines; `flags`: further options of `openssl cms -sign`. */
export function signDocument(document: string, by: Certified, flags: readonly string[] = []): string {
  return inFolder((folder) => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    writeFileSync(key, by.privateKey);
    writeFileSync(certificate, by.certificate);
    const signer = ['-signer', certificate, '-inkey', key];
    const args = ['cms', '-sign', '-binary', '-nodetach', '-md', 'sha256', '-outform', 'DER', ...signer, ...flags];
    return run(args, Buffer.from(document)).toString('base64');
  });
}

/** The same message with a second signer. `signed`: base64. */
export function signAgain(signed: string, by: Certified): string {
  return inFolder((folder) => {
    const [key, certificate, message] = ['key.pem', 'certificate.pem', 'message.der'].map((name) => join(folder, name));
    writeFileSync(key as string, by.privateKey);
    writeFileSync(certificate as string, by.certificate);
    writeFileSync(message as string, Buffer.from(signed, 'base64'));
    const signer = ['-signer', certificate as string, '-inkey', key as string];
    const form = ['-in', message as string, '-inform', 'DER', '-outform', 'DER'];
    return run(['cms', '-resign', '-nodetach', '-md', 'sha256', ...form, ...signer]).toString('base64');
  });
}
