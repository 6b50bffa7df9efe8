import { createPrivateKey, X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  createTestAuthority,
  type LocalAgent,
  OWN_UID,
  startLocalAgent,
  TRUST_DOMAIN,
} from '../workload_api/testing/local_agent.ts';
import { SECRET_TYPE } from './secret.ts';

// The protocol as Envoy publishes it: nothing of our own codec reads or writes on this side.
const published = join(dirname(fileURLToPath(import.meta.resolve('@grpc/grpc-js-xds'))), '../../deps');
const includeDirs = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((name) => join(published, name));
const options = { keepCase: true, defaults: true, oneofs: true, includeDirs };
const definition = loadSync(
  [
    'envoy/service/secret/v3/sds.proto',
    'envoy/extensions/transport_sockets/tls/v3/secret.proto',
    'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
  ],
  options,
);

interface SecretMessage {
  readonly name: string;
  readonly type: 'tls_certificate' | 'validation_context';
  readonly tls_certificate?: { readonly certificate_chain: Inline; readonly private_key: Inline };
  readonly validation_context?: {
    readonly trusted_ca: Inline | null;
    readonly custom_validator_config: { readonly name: string; readonly typed_config: Any } | null;
  };
}
interface Inline {
  readonly inline_bytes: Buffer;
}
interface Any {
  readonly type_url: string;
  readonly value: Buffer;
}
interface DiscoveryResponse {
  readonly version_info: string;
  readonly nonce: string;
  readonly type_url: string;
  readonly resources: readonly Any[];
}
interface DeltaResponse {
  readonly nonce: string;
  readonly resources: readonly { readonly name: string; readonly version: string; readonly resource: Any }[];
  readonly removed_resources: readonly string[];
}

function decode<T>(type: string, value: Buffer): T {
  const message = definition[`envoy.extensions.transport_sockets.tls.v3.${type}`];
  return (message as unknown as MessageTypeDefinition<T, T>).deserialize(value);
}

let agent: LocalAgent;
let client: grpc.Client;
const open: (() => void)[] = [];

beforeAll(async () => {
  agent = await startLocalAgent();
  const { service } = (
    grpc.loadPackageDefinition(definition) as unknown as {
      envoy: { service: { secret: { v3: { SecretDiscoveryService: grpc.ServiceClientConstructor } } } };
    }
  ).envoy.service.secret.v3.SecretDiscoveryService;
  const Client = grpc.makeGenericClientConstructor(service, 'sds');
  client = new Client(`unix:${agent.socketPath}`, grpc.credentials.createInsecure());
});
afterEach(() => {
  for (const close of open.splice(0)) close();
});
afterAll(async () => {
  client.close();
  await agent.stop();
});

const NODE = {
  id: 'test',
  cluster: 'test',
  extensions: Array.from({ length: 500 }, (_, index) => ({ name: `e${index}` })),
};

function stream<T>(method: 'StreamSecrets' | 'DeltaSecrets') {
  const call = (client as unknown as { [name: string]: () => grpc.ClientDuplexStream<object, T> })[method]!.call(
    client,
  );
  const received: T[] = [];
  let status: grpc.StatusObject | undefined;
  call.on('data', (message: T) => received.push(message));
  call.on('error', () => {});
  call.on('status', (ended) => {
    status = ended;
  });
  open.push(() => call.cancel());
  return {
    received,
    code: () => status?.code,
    send: (request: object) => call.write({ type_url: SECRET_TYPE, ...request }),
    end: () => call.end(),
  };
}

const world = () => {
  const opened = stream<DiscoveryResponse>('StreamSecrets');
  return {
    ...opened,
    ask: (names: string[]) => opened.send({ node: NODE, resource_names: names }),
    acknowledge(names: string[], error?: string) {
      const { nonce, version_info } = opened.received.at(-1)!;
      const refused = error === undefined ? {} : { error_detail: { code: 3, message: error } };
      opened.send({ resource_names: names, response_nonce: nonce, version_info, ...refused });
    },
  };
};

const secretsOf = (resources: readonly Any[] | undefined) =>
  (resources ?? []).map(({ type_url, value }) => {
    expect(type_url).toBe(SECRET_TYPE);
    return decode<SecretMessage>('Secret', value);
  });
const namesOf = (response: DiscoveryResponse | undefined) => secretsOf(response?.resources).map(({ name }) => name);
const serialOf = (secret: SecretMessage | undefined) =>
  new X509Certificate(secret!.tls_certificate!.certificate_chain.inline_bytes).serialNumber.toLowerCase();
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const id = (path: string) => `spiffe://${TRUST_DOMAIN}${path}`;
const own = { path: '/own', selectors: [OWN_UID] };
const second = { path: '/second', selectors: [OWN_UID] };
const foreign = { path: '/foreign', selectors: ['unix:uid:4000000000'] };

describe('state of the world', () => {
  test('`default` and a SPIFFE ID are chain and key, leaf first', async () => {
    await agent.entitle([own, second]);
    const { ask, received } = world();
    ask(['default', id('/second')]);
    await expect.poll(() => received).toHaveLength(1);
    expect(received[0]!.type_url).toBe(SECRET_TYPE);
    const [first, other] = secretsOf(received[0]!.resources);
    expect([first!.name, other!.name]).toEqual(['default', id('/second')]);
    const chain = String(first!.tls_certificate!.certificate_chain.inline_bytes);
    expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const leaf = new X509Certificate(chain);
    expect(leaf.subjectAltName).toBe(`URI:${id('/own')}`);
    expect(leaf.checkPrivateKey(createPrivateKey(String(first!.tls_certificate!.private_key.inline_bytes)))).toBe(true);
    expect(serialOf(other)).toBe(agent.identity('/second').serial);
  });

  test('`ROOTCA` and a trust domain are its authorities, and no other', async () => {
    await agent.entitle([own]);
    const partner = await createTestAuthority('partner.test');
    agent.store.setBundles(
      new Map([
        [TRUST_DOMAIN, [agent.root]],
        ['partner.test', [partner.root]],
      ]),
    );
    const { ask, received } = world();
    ask(['ROOTCA', `spiffe://${TRUST_DOMAIN}`, 'spiffe://partner.test']);
    await expect.poll(() => received).toHaveLength(1);
    const authorities = secretsOf(received[0]!.resources).map(({ validation_context }) => {
      expect(validation_context!.custom_validator_config).toBe(null);
      return new X509Certificate(validation_context!.trusted_ca!.inline_bytes).raw.toString('hex');
    });
    const hex = (der: Uint8Array) => Buffer.from(der).toString('hex');
    expect(authorities).toEqual([hex(agent.root), hex(agent.root), hex(partner.root)]);
    agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
  });

  test('`ALL` is the SPIFFE validator, each trust domain with its own authorities; one without any is left out', async () => {
    await agent.entitle([own]);
    const partner = await createTestAuthority('partner.test');
    agent.store.setBundles(
      new Map([
        [TRUST_DOMAIN, [agent.root]],
        ['partner.test', [partner.root]],
        ['gone.test', []],
      ]),
    );
    const { ask, received } = world();
    ask(['ALL']);
    await expect.poll(() => received).toHaveLength(1);
    const [secret] = secretsOf(received[0]!.resources);
    const validator = secret!.validation_context!.custom_validator_config!;
    expect(validator.name).toBe('envoy.tls.cert_validator.spiffe');
    expect(validator.typed_config.type_url).toMatch(
      /\/envoy\.extensions\.transport_sockets\.tls\.v3\.SPIFFECertValidatorConfig$/,
    );
    const config = decode<{ trust_domains: { name: string; trust_bundle: Inline }[] }>(
      'SPIFFECertValidatorConfig',
      validator.typed_config.value,
    );
    const authorities = config.trust_domains.map(({ name, trust_bundle }) => [
      name,
      new X509Certificate(trust_bundle.inline_bytes).subjectAltName,
    ]);
    expect(authorities).toEqual([
      [TRUST_DOMAIN, `URI:spiffe://${TRUST_DOMAIN}`],
      ['partner.test', 'URI:spiffe://partner.test'],
    ]);
    agent.store.setBundles(new Map([[TRUST_DOMAIN, [agent.root]]]));
  });

  test('an identity of somebody else is not given, by whatever name it is asked for', async () => {
    await agent.entitle([own, foreign]);
    for (const name of [
      id('/foreign'),
      '/foreign',
      'foreign',
      '',
      'spiffe://',
      'spiffe://elsewhere.test',
      TRUST_DOMAIN,
      'all',
    ]) {
      const { ask, received, code } = world();
      ask([name]);
      await expect.poll(code).toBe(grpc.status.PERMISSION_DENIED);
      expect(received).toEqual([]);
    }
    const { ask, received } = world();
    ask([id('/foreign'), 'default']);
    await expect.poll(() => received).toHaveLength(1);
    expect(namesOf(received[0])).toEqual(['default']);
    expect(agent.events.findLast(({ event }) => event === 'secret-not-entitled')).toMatchObject({
      name: id('/foreign'),
    });
  });

  test('a caller without entries gets not even the authorities', async () => {
    await agent.entitle([foreign]);
    for (const name of ['default', 'ROOTCA', 'ALL']) {
      const { ask, received, code } = world();
      ask([name]);
      await expect.poll(code).toBe(grpc.status.PERMISSION_DENIED);
      expect(received).toEqual([]);
    }
  });

  test('a rotation is pushed once, and what is not asked for is not', async () => {
    await agent.entitle([own, second]);
    const { ask, acknowledge, received } = world();
    ask(['default']);
    await expect.poll(() => received).toHaveLength(1);
    acknowledge(['default']);
    await agent.entitle([own, second, foreign]);
    await wait(50);
    expect(received).toHaveLength(1);
    await agent.rotate();
    await expect.poll(() => received).toHaveLength(2);
    acknowledge(['default']);
    expect(serialOf(secretsOf(received[1]!.resources)[0])).toBe(agent.identity('/own').serial);
    expect(received[1]!.version_info).not.toBe(received[0]!.version_info);
    await wait(50);
    expect(received).toHaveLength(2);
  });

  test('a secret that Envoy refused is not sent again before it changes, and Envoy is quoted in the log', async () => {
    await agent.entitle([own]);
    const { ask, acknowledge, received } = world();
    ask(['default']);
    await expect.poll(() => received).toHaveLength(1);
    acknowledge(['default'], `bad certificate ${'x'.repeat(2000)}`);
    await wait(100);
    expect(received).toHaveLength(1);
    const event = agent.events.findLast(({ event }) => event === 'secret-refused-by-proxy');
    expect(String(event?.['error'])).toMatch(/^bad certificate x{484}$/);
    await agent.rotate();
    await expect.poll(() => received).toHaveLength(2);
  });

  test('names asked for later are answered; an answer to an older response is not', async () => {
    await agent.entitle([own, second]);
    const { ask, acknowledge, send, received } = world();
    ask(['default']);
    await expect.poll(() => received).toHaveLength(1);
    acknowledge(['default', 'ROOTCA']);
    await expect.poll(() => namesOf(received[1])).toEqual(['default', 'ROOTCA']);
    send({ resource_names: ['default'], response_nonce: received[0]!.nonce });
    await wait(50);
    acknowledge(['ROOTCA', 'default', 'default']);
    await wait(50);
    expect(received).toHaveLength(2);
    acknowledge(['default', id('/second')]);
    await expect.poll(() => namesOf(received[2])).toEqual(['default', id('/second')]);
  });

  test('an entitlement that is lost ends the stream', async () => {
    await agent.entitle([own]);
    const { ask, received, code } = world();
    ask(['default', 'ROOTCA']);
    await expect.poll(() => received).toHaveLength(1);
    await agent.entitle([]);
    await expect.poll(code).toBe(grpc.status.PERMISSION_DENIED);
    expect(received).toHaveLength(1);
  });

  test('what is no request for secrets is refused', async () => {
    await agent.entitle([own]);
    const clusters = world();
    clusters.send({ type_url: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', resource_names: ['default'] });
    await expect.poll(clusters.code).toBe(grpc.status.INVALID_ARGUMENT);
    const many = world();
    many.ask(Array.from({ length: 101 }, (_, index) => `name ${index}`));
    await expect.poll(many.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect([...clusters.received, ...many.received]).toEqual([]);
  });

  test('no log line holds a key', () => {
    expect(agent.events.length).toBeGreaterThan(0);
    expect(JSON.stringify(agent.events)).not.toMatch(/PRIVATE|BEGIN/);
  });
});

test('one question without a stream is answered alike', async () => {
  await agent.entitle([own]);
  const fetch = (resource_names: string[]) =>
    new Promise<{ code: number; names: string[] }>((resolve) => {
      const call = client as unknown as {
        FetchSecrets(
          request: object,
          done: (fault: grpc.ServiceError | null, answer?: DiscoveryResponse) => void,
        ): void;
      };
      call.FetchSecrets({ resource_names, type_url: SECRET_TYPE }, (fault, answer) =>
        resolve({ code: fault?.code ?? 0, names: namesOf(answer) }),
      );
    });
  expect(await fetch(['default', 'ROOTCA'])).toEqual({ code: 0, names: ['default', 'ROOTCA'] });
  expect(await fetch([id('/foreign')])).toEqual({ code: grpc.status.PERMISSION_DENIED, names: [] });
});

describe('delta', () => {
  test('only what changed is sent; what is let go of is not', async () => {
    await agent.entitle([own, second]);
    const { send, received } = stream<DeltaResponse>('DeltaSecrets');
    const changed = (index: number) => received[index]?.resources.map(({ name }) => name);
    send({ node: NODE, resource_names_subscribe: ['default', 'ROOTCA'] });
    await expect.poll(() => changed(0)).toEqual(['default', 'ROOTCA']);
    const [secret] = secretsOf([received[0]!.resources[0]!.resource]);
    expect(serialOf(secret)).toBe(agent.identity('/own').serial);
    send({ response_nonce: received[0]!.nonce });
    await agent.rotate();
    await expect.poll(() => changed(1)).toEqual(['default']);
    send({ response_nonce: received[1]!.nonce, error_detail: { code: 3, message: 'no' } });
    send({ resource_names_subscribe: [id('/second')], resource_names_unsubscribe: ['default'] });
    await expect.poll(() => changed(2)).toEqual([id('/second')]);
    await agent.entitle([own]);
    await expect.poll(() => received[3]?.removed_resources).toEqual([id('/second')]);
    expect(received[3]?.resources).toEqual([]);
    await wait(50);
    expect(received).toHaveLength(4);
  });

  test('a new stream that still holds a secret is sent it only when it changed', async () => {
    await agent.entitle([own]);
    const first = stream<DeltaResponse>('DeltaSecrets');
    first.send({ resource_names_subscribe: ['default', 'ROOTCA'] });
    await expect.poll(() => first.received).toHaveLength(1);
    const held = Object.fromEntries(first.received[0]!.resources.map(({ name, version }) => [name, version]));
    await agent.rotate();
    const again = stream<DeltaResponse>('DeltaSecrets');
    again.send({ resource_names_subscribe: ['default', 'ROOTCA'], initial_resource_versions: held });
    await expect.poll(() => again.received[0]?.resources.map(({ name }) => name)).toEqual(['default']);
  });

  test('an entitlement that is lost, or never was, ends the stream', async () => {
    await agent.entitle([own, foreign]);
    const never = stream<DeltaResponse>('DeltaSecrets');
    never.send({ resource_names_subscribe: [id('/foreign')] });
    await expect.poll(never.code).toBe(grpc.status.PERMISSION_DENIED);
    const lost = stream<DeltaResponse>('DeltaSecrets');
    lost.send({ resource_names_subscribe: ['default'] });
    await expect.poll(() => lost.received).toHaveLength(1);
    await agent.entitle([]);
    await expect.poll(lost.code).toBe(grpc.status.PERMISSION_DENIED);
  });
});
