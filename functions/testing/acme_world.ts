/** Functions as they are deployed, with a web server on this machine that the names of challenges lead to. */
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CreatedAcmeKeyAnswer, type EntryAnswer, PATHS } from '@postern/api';
import { craftCsr, extensionRequest, names } from '@postern/ca/testing';
import { thumbprint } from '@postern/keys';
import { expect } from 'vitest';
import { type AcmeClient, type Answer, createAcmeClient, jwkOf, newAccountKey, ORIGIN } from './acme_client.ts';
import { ADMINISTRATOR, jsonOf, openSeparately, type Separate, type SeparateOptions } from './separate.ts';

export const at = {
  newAccount: ORIGIN + PATHS.acme.newAccount,
  newOrder: ORIGIN + PATHS.acme.newOrder,
  keyChange: ORIGIN + PATHS.acme.keyChange,
  revokeCert: ORIGIN + PATHS.acme.revokeCert,
};

export interface AcmeWorld {
  readonly separate: Separate;
  /** What the web server answers, by token. */
  readonly answers: Map<string, string>;
  enter(dnsNames: readonly string[], more?: object): Promise<EntryAnswer>;
  createKey(entryId: string, more?: object): Promise<CreatedAcmeKeyAnswer>;
  deleteKey(id: string): Promise<void>;
  /** With an account for an entry of its own with these names. */
  client(dnsNames: readonly string[], more?: object): Promise<AcmeClient & { readonly eab: CreatedAcmeKeyAnswer }>;
  /** An order whose names are all shown; its answer. */
  readyOrder(client: AcmeClient, names: readonly string[], more?: object): Promise<Answer>;
  /** The whole way. */
  issue(client: AcmeClient, names: readonly string[], more?: object): Promise<Issued>;
  /** Reasons of all that were recorded at its doors. */
  refusals(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface Issued {
  readonly chain: readonly string[];
  readonly key: ReturnType<typeof newAccountKey>;
  readonly order: string;
  /** Of the finalize request. */
  readonly answer: Answer;
}

/** GeneralNames by their tag: 2 is a DNS name, 6 a URI. */
export const csrFor = (key: KeyObject, dnsNames: readonly string[], uris: readonly string[] = []): string => {
  const asked = names(...dnsNames.map((it) => [2, it] as const), ...uris.map((it) => [6, it] as const));
  return Buffer.from(craftCsr(key, { attributes: [extensionRequest(asked)] })).toString('base64url');
};

export async function openAcmeWorld(
  options: SeparateOptions = { acmeAllowedRanges: ['127.0.0.0/8'] },
): Promise<AcmeWorld> {
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    const token = /^\/\.well-known\/acme-challenge\/([\w-]+)$/.exec(request.url ?? '')?.[1] ?? '';
    response.writeHead(answers.has(token) ? 200 : 404).end(answers.get(token));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: httpPort } = server.address() as AddressInfo;
  const separate = await openSeparately({ acmeNetwork: { resolve: async () => ['127.0.0.1'], httpPort }, ...options });
  await separate.served.rotate.tick?.();
  let entered = 0;

  const admin = async <T>(method: string, target: string, body?: object): Promise<T> => {
    const answer = await separate.call('admin', { method, target, principal: ADMINISTRATOR, body });
    if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${Buffer.from(answer.body)}`);
    return jsonOf<T>(answer);
  };

  const world: AcmeWorld = {
    separate,
    answers,
    async enter(dnsNames, more = {}) {
      entered += 1;
      const names = {
        spiffeId: `spiffe://demo.test/web-${entered}`,
        parentId: 'spiffe://demo.test/postern/agent/node',
      };
      return admin('POST', PATHS.admin.entries, { ...names, selectors: ['unix:uid:1000'], dnsNames, ...more });
    },
    createKey: (entryId, more = {}) => admin('POST', PATHS.admin.acmeKeys, { entryId, ...more }),
    async deleteKey(id) {
      await admin('DELETE', PATHS.admin.acmeKey(id));
    },
    async client(dnsNames, more) {
      const eab = await world.createKey((await world.enter(dnsNames, more)).id);
      const client = createAcmeClient(separate);
      expect((await client.register(eab)).status).toBe(201);
      return Object.assign(client, { eab });
    },
    async readyOrder(client, names, more = {}) {
      const identifiers = names.map((value) => ({ type: 'dns', value }));
      const ordered = await client.post(at.newOrder, { identifiers, ...more });
      expect(ordered.status, ordered.text).toBe(201);
      for (const url of ordered.body.authorizations as string[]) {
        const [challenge] = (await client.post(url)).body.challenges;
        answers.set(challenge.token, `${challenge.token}.${thumbprint(jwkOf(client.key))}\n`);
        expect((await client.post(challenge.url, {})).body.status).toBe('valid');
      }
      const order = await client.post(ordered.headers.get('location') ?? '');
      expect(order.body.status).toBe('ready');
      return order;
    },
    async issue(client, names, more) {
      const key = newAccountKey();
      const order = await world.readyOrder(client, names, more);
      const answer = await client.post(order.body.finalize, { csr: csrFor(key, names) });
      expect(answer.body, answer.text).toMatchObject({ status: 'valid' });
      const { text } = await client.post(answer.body.certificate);
      const chain = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
      return { chain, key, order: answer.headers.get('location') ?? '', answer };
    },
    async refusals() {
      await separate.served.acme.settle();
      const target = `${PATHS.admin.records}?kind=refusal&limit=1000`;
      const page = jsonOf<{ records: { door: string; reason: string }[] }>(
        await separate.call('audit', { target, principal: ADMINISTRATOR }),
      );
      return page.records.filter(({ door }) => door.startsWith('acme ')).map(({ reason }) => reason);
    },
    async remove() {
      await new Promise((resolve) => server.close(resolve));
      separate.remove();
    },
  };
  return world;
}
