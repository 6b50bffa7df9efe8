/** A front door with TLS on 127.0.0.1, as whoever runs the control plane on one machine puts before it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TlsDoor {
  readonly url: string;
  /** Its certificate, PEM, which signs itself: what its callers trust. */
  readonly file: string;
  leadTo(url: string): void;
  stop(): Promise<void>;
}

export async function openTlsDoor(openssl: string): Promise<TlsDoor> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  const [file, keyFile] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile];
  const names = ['-subj', '/CN=front door', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(openssl, ['req', '-x509', ...key, ...names, '-days', '2', '-out', file], { stdio: 'ignore' });
  let behind: string | undefined;
  const server = createServer({ cert: readFileSync(file), key: readFileSync(keyFile) }, (incoming, response) => {
    const { method, url: target, headers } = incoming;
    const passed = request(new URL(target ?? '/', behind), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    file,
    leadTo(url) {
      behind = url;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        rmSync(folder, { recursive: true, force: true });
      }),
  };
}
