/** The peer: step-ca with a JWK provisioner, in a process of its own, without a database or with badger. */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from '@postern/ca';
import { createSoftwareSigner } from '@postern/keys';
import { parseTrustDomain } from '@postern/spiffe';
import { SignJWT } from 'jose';
import { freePort } from '../../kit/ports.ts';
import { type RunningProcess, startProcess } from '../../kit/process.ts';

export const STEP_CA = 'step-ca';
const PROVISIONER = 'bench';

export type StepCa = {
  readonly database: StepCaDatabase;
  readonly process: RunningProcess;
  /** From spawning to the first certificate, ms on the clock. */
  readonly firstMs: number;
  /** `prepare` signs the call's token ahead of time, as our agent does. */
  readonly prepare: (csr: Uint8Array) => Promise<() => Promise<void>>;
};

export type StepCaDatabase = 'none' | 'badger';

/** `folder`: its own. `csr`: for `spiffeId`, as those of `prepare`. Answers after its first certificate. */
export async function startStepCa(
  program: string,
  folder: string,
  database: StepCaDatabase,
  spiffeId: string,
  csr: Uint8Array,
): Promise<StepCa> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const authority = await writeAuthority(folder);
  const provisioner = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...provisioner.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: PROVISIONER };
  const configuration = {
    root: authority.rootFile,
    crt: authority.issuerFile,
    key: authority.keyFile,
    address: `127.0.0.1:${port}`,
    dnsNames: ['127.0.0.1'],
    logger: { format: 'text' },
    ...(database === 'badger' && { db: { type: 'badgerv2', dataSource: join(folder, 'db') } }),
    authority: { provisioners: [{ type: 'JWK', name: PROVISIONER, key: jwk }] },
  };
  const file = join(folder, 'ca.json');
  await writeFile(file, JSON.stringify(configuration));
  const startedMs = performance.now();
  const process_ = await startProcess({
    name: `${STEP_CA}, database ${database}`,
    command: program,
    args: [file],
    ready: { line: /Serving HTTPS/ },
  });
  const origin = `https://127.0.0.1:${port}`;
  const agent = new Agent({ keepAlive: true, ca: authority.rootPem });
  const prepare = async (certificationRequest: Uint8Array) => {
    const body = JSON.stringify({
      csr: pem('CERTIFICATE REQUEST', certificationRequest),
      ott: await oneTimeToken(provisioner.privateKey, `${origin}/1.0/sign`, authority.rootDigest, spiffeId),
    });
    return () => post(agent, `${origin}/1.0/sign`, body);
  };
  await (await prepare(csr))();
  return { database, process: process_, firstMs: performance.now() - startedMs, prepare };
}

async function writeAuthority(folder: string) {
  const trustDomain = parseTrustDomain('bench.test');
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const nowMs = Date.now();
  const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rootSigner = createSoftwareSigner(rootKey, 'ES256');
  const root = await createRootCertificate({ signer: rootSigner, trustDomain: trustDomain.value, nowMs });
  const { spki } = createSoftwareSigner(issuerKey, 'ES256');
  const certificate = readOwnCertificate(root);
  const issuer = await certifyIssuer({ rootSigner, root: certificate, spki, trustDomain: trustDomain.value, nowMs });
  const files = {
    rootFile: join(folder, 'root.pem'),
    issuerFile: join(folder, 'ca.pem'),
    keyFile: join(folder, 'ca.key'),
  };
  const rootPem = new X509Certificate(root).toString();
  await writeFile(files.rootFile, rootPem);
  await writeFile(files.issuerFile, new X509Certificate(issuer).toString());
  await writeFile(files.keyFile, issuerKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return { ...files, rootPem, rootDigest: createHash('sha256').update(root).digest('hex') };
}

/** step-ca takes each once: what its client would make for every certificate. */
function oneTimeToken(key: KeyObject, audience: string, rootDigest: string, spiffeId: string): Promise<string> {
  return new SignJWT({ sha: rootDigest, sans: [spiffeId] })
    .setProtectedHeader({ alg: 'ES256', kid: PROVISIONER, typ: 'JWT' })
    .setSubject(spiffeId)
    .setIssuer(PROVISIONER)
    .setAudience(audience)
    .setNotBefore('0s')
    .setIssuedAt()
    .setExpirationTime('10m')
    .setJti(crypto.randomUUID())
    .sign(createPrivateKey(key.export({ format: 'pem', type: 'pkcs8' })));
}

function post(agent: Agent, url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          if (response.statusCode === 201) resolve();
          else reject(new Error(`step-ca answers ${response.statusCode}: ${text.slice(0, 300)}`));
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
