/** An ACME client whose requests are right, or wrong in one thing: in place of one that would never send them. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { PATHS } from '@postern/api';
import type { HttpAnswer } from '../served.ts';
import type { Separate } from './separate.ts';

export const ORIGIN = 'https://postern.demo.test';
const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export type Header = { readonly [member: string]: unknown };

export interface Jws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

export const compactOf = (jws: Jws): string => [jws.protected, jws.payload, jws.signature].join('.');
export const newAccountKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export function jwkOf(key: KeyObject): { readonly [member: string]: string } {
  const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' }) as { readonly [member: string]: string };
  return { kty, crv, x, y } as { readonly [member: string]: string };
}

/** `payload`: an object, a text, or nothing of POST-as-GET. */
export function signJws(key: KeyObject, header: Header, payload: unknown): Jws {
  const signed = { protected: base64url(header), payload: payload === undefined ? '' : base64url(payload) };
  const input = Buffer.from(`${signed.protected}.${signed.payload}`);
  return { ...signed, signature: sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url') };
}

export interface EabKey {
  readonly id: string;
  readonly hmacKey: string;
}

export function signEab({ id, hmacKey }: EabKey, accountKey: KeyObject, change: Header = {}): Jws {
  const header = { alg: 'HS256', kid: id, url: ORIGIN + PATHS.acme.newAccount, ...change };
  const signed = { protected: base64url(header), payload: base64url(jwkOf(accountKey)) };
  const mac = createHmac('sha256', Buffer.from(hmacKey, 'base64url'));
  return { ...signed, signature: mac.update(`${signed.protected}.${signed.payload}`).digest('base64url') };
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: of whatever the door answers
  readonly body: any;
}

export interface AcmeClient {
  readonly key: KeyObject;
  /** URL of its account, once it has one. */
  readonly account: string | undefined;
  nonce(): Promise<string>;
  /** What `post` sends, not sent. `change`: of the protected header. */
  sign(url: string, payload?: unknown, change?: Header, key?: KeyObject): Promise<Jws>;
  post(url: string, payload?: unknown, change?: Header, key?: KeyObject): Promise<Answer>;
  send(url: string, jws: unknown, contentType?: string): Promise<Answer>;
  register(eab: EabKey, more?: object): Promise<Answer>;
  /** Signs with this key from now on. */
  use(key: KeyObject): void;
}

/** `separate`: or what answers in its place, and then under which origin it is known. */
export function createAcmeClient(
  separate: Pick<Separate, 'call'>,
  firstKey: KeyObject = newAccountKey(),
  origin = ORIGIN,
): AcmeClient {
  let account: string | undefined;
  let key = firstKey;

  const client: AcmeClient = {
    get key() {
      return key;
    },
    get account() {
      return account;
    },
    use(next) {
      key = next;
    },
    async nonce() {
      const answer = await separate.call('acme', { method: 'HEAD', target: PATHS.acme.newNonce });
      return headersOf(answer).get('replay-nonce') ?? '';
    },
    async sign(url, payload, change = {}, by = key) {
      const who = account === undefined ? { jwk: jwkOf(by) } : { kid: account };
      const header = { alg: 'ES256', nonce: await client.nonce(), url, ...who, ...change };
      return signJws(by, JSON.parse(JSON.stringify(header)), payload);
    },
    post: async (url, payload, change, by) => client.send(url, await client.sign(url, payload, change, by)),
    async send(url, jws, contentType = 'application/jose+json') {
      const target = url.slice(origin.length);
      const headers = [['content-type', contentType]] as const;
      return answerOf(await separate.call('acme', { method: 'POST', target, headers, body: jws }));
    },
    async register(eab, more = {}) {
      const url = origin + PATHS.acme.newAccount;
      const payload = { termsOfServiceAgreed: true, externalAccountBinding: signEab(eab, key, { url }), ...more };
      const answer = await client.post(url, payload, { jwk: jwkOf(key), kid: undefined });
      if (answer.status < 300) account = answer.headers.get('location');
      return answer;
    },
  };
  return client;
}

const headersOf = (answer: HttpAnswer) => new Map(answer.headers.map(([name, value]) => [name.toLowerCase(), value]));

function answerOf(answer: HttpAnswer): Answer {
  const text = Buffer.from(answer.body).toString('utf8');
  const isJson = text.startsWith('{');
  return { status: answer.status, headers: headersOf(answer), text, body: isJson ? JSON.parse(text) : undefined };
}
