/** Both flavours on real sockets, asked by this process in the place of a proxy; faults and abuse first. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordBody } from '@postern/audit';
import type { Broker } from '@postern/broker';
import { encodePem } from '@postern/der';
import { accept, refuse } from '@postern/result';
import { afterEach, describe, expect, it } from 'vitest';
import type { Attestor } from '../attest/unix.ts';
import { askRaw, exchangeRaw, type RawAnswer } from '../envoy/testing/raw_request.ts';
import { createGrpcServer } from '../grpc/server.ts';
import { GRPC_STATUS } from '../grpc/status.ts';
import { silent } from '../log.ts';
import { CHECK_METHOD, CHECK_PATH, createExtAuthz, type DecisionObserver, type ExtAuthzPorts } from './index.ts';
import { connectGrpc } from './testing/grpc_check_client.ts';
import { loadPublishedTypes } from './testing/published_protos.ts';
import { APP, brokerOfNow, identityOf, recorder, STATE, sourceOf, storefront } from './testing/world.ts';

const { request: CheckRequest, response: CheckResponse } = loadPublishedTypes();
const certificate = encodeURIComponent(encodePem('CERTIFICATE', storefront.certificate));

const knownCaller: Attestor = { attest: async () => accept(['unix:uid:1']) };
const appSource = sourceOf(() => [identityOf(APP)]);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(change: Partial<ExtAuthzPorts> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-authz-'));
  const { kept, record } = recorder();
  const ports: ExtAuthzPorts = {
    broker: brokerOfNow(),
    state: () => STATE,
    source: appSource,
    attestor: knownCaller,
    record,
    log: silent,
    ...change,
  };
  const extAuthz = createExtAuthz(ports);
  const grpcSocket = join(folder, 'grpc.sock');
  const httpSocket = join(folder, 'http.sock');
  const grpc = createGrpcServer({ methods: extAuthz.grpcMethods, log: silent });
  await grpc.listen(grpcSocket, 0o600);
  const http = await extAuthz.listenHttp(httpSocket, 0o600);
  const caller = connectGrpc(grpcSocket, CHECK_METHOD);
  closing.push(
    () => rm(folder, { recursive: true, force: true }),
    () => http.close(),
    () => grpc.close(),
    () => caller.close(),
  );
  const service = { 'x-postern-service': 'app' };
  return {
    kept,
    flush: extAuthz.flush,
    httpSocket,
    grpc: async (message: Uint8Array = grpcRequest(), metadata: object = service) => {
      const answer = await caller.call(message, { ...metadata });
      const decoded =
        answer.message === undefined ? undefined : CheckResponse.toObject(CheckResponse.decode(answer.message));
      return { ...answer, decoded };
    },
    http: (facts: Facts = httpFacts(), target = CHECK_PATH, method = 'GET') =>
      askRaw({ path: httpSocket }, { method, target, headers: facts }),
  };
}

function grpcRequest(http: object = {}): Uint8Array {
  const source = { address: { socket_address: { address: '192.0.2.7', port_value: 1 } }, certificate };
  const request = {
    http: { id: '1', method: 'GET', path: '/x', host: 'app.demo.test', scheme: 'https', headers: {}, ...http },
  };
  return CheckRequest.encode(CheckRequest.fromObject({ attributes: { source, request } })).finish();
}

type Facts = readonly (readonly [string, string])[];
function httpFacts(change: { readonly [name: string]: string } = {}): Facts {
  const facts = {
    'x-postern-service': 'app',
    'x-postern-method': 'GET',
    'x-postern-target': '/x',
    'x-postern-authority': 'app.demo.test',
    'x-postern-scheme': 'https',
    'x-postern-peer-certificate': certificate,
    'x-postern-source-address': '192.0.2.7',
    ...change,
  };
  return Object.entries(facts);
}

const headerOf = ({ headers }: RawAnswer, name: string) => headers.find(([known]) => known === name)?.[1];

describe('a fault inside', () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const cyclic = (() => {
    const decision: Record<string, unknown> = { outcome: 'allow', obligations: undefined, parties: undefined };
    return decision as unknown as ReturnType<Broker['check']>;
  })();
  const faults: { readonly [what: string]: () => Partial<ExtAuthzPorts> } = {
    'a broker that throws': () => ({ broker: { check: boom, refuse: boom } }),
    'a broker that answers nothing': () => ({
      broker: { check: () => undefined, refuse: () => undefined } as unknown as Broker,
    }),
    'a broker that answers half an allow': () => ({ broker: { check: () => cyclic, refuse: () => cyclic } }),
    'a state that throws': () => ({ state: boom }),
    'a source that throws': () => ({ source: { ...appSource, identitiesFor: boom } }),
    'a source that does not know whether it is ready': () => ({ source: { ...appSource, isReady: boom } }),
    'an attestor that throws': () => ({ attestor: { attest: boom } }),
    'an attestor that rejects': () => ({ attestor: { attest: async () => boom() } }),
    'an attestor that rejects with nothing': () => ({ attestor: { attest: () => Promise.reject(undefined) } }),
    'a record that throws': () => ({ record: boom }),
    'a record that cannot be kept': () => ({ record: () => Promise.reject(new Error('disk full')) }),
  };

  it.each(Object.keys(faults))('%s never lets a request through, and never answers with nothing', async (what) => {
    const asked = await start(faults[what]!());
    const { status, message, decoded } = await asked.grpc();
    expect(status).toBe(GRPC_STATUS.OK);
    expect(message?.length).toBeGreaterThan(0);
    expect(decoded).toMatchObject({
      status: { code: 14, message: 'no decision' },
      denied_response: { status: { code: 503 } },
    });
    expect(decoded).not.toHaveProperty('ok_response');
    const answer = await asked.http();
    expect(answer.status).toBe(503);
    expect(answer.body).toBe('');
  });

  it('stays a denial for as long as a record is not kept', async () => {
    let keep: (() => void) | undefined;
    const record = (_body: RecordBody) =>
      new Promise<void>((resolve) => {
        keep = resolve;
      });
    const asked = await start({ record });
    let isAnswered = false;
    const answered = asked.grpc().then((answer) => {
      isAnswered = true;
      return answer;
    });
    await expect.poll(() => keep).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isAnswered).toBe(false);
    keep?.();
    expect((await answered).decoded).toHaveProperty('ok_response');
  });
});

describe('who asks', () => {
  it('is nobody when its process cannot be attested, and learns nothing', async () => {
    const asked = await start({ attestor: { attest: async () => refuse('peer-changed') } });
    expect((await asked.grpc()).decoded).toMatchObject({ status: { code: 7, message: 'enforcement-point-unknown' } });
    expect((await asked.http()).status).toBe(403);
    expect(asked.kept).toMatchObject([{ kind: 'decision', reason: 'enforcement-point-unknown' }]);
  });

  it('cannot fill the trail call by call when it is nobody: the first is a record, the others are its count', async () => {
    const asked = await start({ source: sourceOf(() => [identityOf('spiffe://demo.test/elsewhere')]) });
    for (let call = 0; call < 20; call++) await asked.grpc();
    for (let call = 0; call < 20; call++) await asked.http();
    expect(asked.kept).toHaveLength(1);
    await asked.flush();
    expect(asked.kept.slice(1)).toMatchObject([
      { kind: 'refusal', door: 'ext-authz', reason: 'enforcement-point-unknown', count: 39 },
    ]);
  });

  it('has each of its denials recorded when it is an enforcement point', async () => {
    const asked = await start();
    const foreign = grpcRequest({ host: 'elsewhere.demo.test' });
    for (let call = 0; call < 5; call++) await asked.grpc(foreign);
    expect(asked.kept.map((record) => 'reason' in record && record.reason)).toEqual(Array(5).fill('host-not-served'));
  });

  it('is not believed for a service of somebody else', async () => {
    const asked = await start();
    expect((await asked.grpc(grpcRequest(), { 'x-postern-service': 'other' })).decoded).toMatchObject({
      status: { message: 'service-not-bound' },
    });
    expect((await asked.http(httpFacts({ 'x-postern-service': 'other' }))).status).toBe(403);
    expect(asked.kept.at(-1)).toMatchObject({ reason: 'service-not-bound', enforcementPoint: APP });
  });

  it('asks as the identity that is bound to the service when its process has several', async () => {
    const source = sourceOf(() => [identityOf('spiffe://demo.test/sidecar'), identityOf(APP)]);
    const asked = await start({ source });
    expect((await asked.grpc()).decoded).toHaveProperty('ok_response');
    expect((await asked.http()).status).toBe(200);
    expect(asked.kept.map((record) => 'enforcementPoint' in record && record.enforcementPoint)).toEqual([APP, APP]);
  });

  it('is told to wait while the agent has no identities or no release, not that it is unknown', async () => {
    for (const change of [{ source: { ...appSource, isReady: () => false } }, { state: () => undefined }]) {
      const asked = await start(change);
      expect((await asked.grpc()).decoded).toMatchObject({
        status: { code: 14, message: 'not-ready' },
        error_response: { status: { code: 503 } },
      });
      expect((await asked.http()).status).toBe(503);
    }
  });
});

describe('the gRPC flavour', () => {
  it('records what it answers, under the id that it tells', async () => {
    const asked = await start();
    const { decoded } = await asked.grpc();
    expect(decoded).toMatchObject({ status: { message: 'permitted' }, ok_response: {} });
    expect(asked.kept).toMatchObject([{ kind: 'decision', outcome: 'allow', reason: 'permitted', service: 'app' }]);
    expect(decoded?.['dynamic_metadata'].fields.decision_id.stringValue).toBe(asked.kept[0]?.id);
    expect((asked.kept[0] as { latencyUs: number }).latencyUs).toBeGreaterThan(0);
  });

  it('denies, in words and on record, what it cannot read', async () => {
    const asked = await start();
    const malformed = [Buffer.alloc(0), Buffer.from('ffffffff', 'hex'), grpcRequest().subarray(0, 40)];
    for (const message of malformed) {
      expect((await asked.grpc(message)).decoded).toMatchObject({
        status: { code: 7, message: 'request-malformed' },
        denied_response: { status: { code: 403 } },
      });
    }
    const flood = { header_map: { headers: Array.from({ length: 2000 }, () => ({ key: 'a', value: 'b' })) } };
    expect((await asked.grpc(grpcRequest(flood))).decoded).toMatchObject({ status: { message: 'request-too-large' } });
    expect(asked.kept).toHaveLength(4);
  });

  it('ends a call with a body of a mebibyte as an error, which denies too', async () => {
    const asked = await start();
    const answer = await asked.grpc(grpcRequest({ raw_body: new Uint8Array(1024 * 1024) }));
    expect(answer).toMatchObject({ status: GRPC_STATUS.RESOURCE_EXHAUSTED, message: undefined });
  });

  it('takes the service from the call’s metadata, and refuses two names for it', async () => {
    const asked = await start();
    expect((await asked.grpc(grpcRequest(), {})).decoded).toMatchObject({ status: { message: 'service-missing' } });
    const twice = await asked.grpc(grpcRequest(), { 'x-postern-service': ['app', 'other'] });
    expect(twice.decoded).toMatchObject({ status: { code: 7 } });
  });
});

describe('the HTTP flavour', () => {
  it('answers a permitted request with 200, the headers for the upstream and what must not reach it', async () => {
    const asked = await start();
    const answer = await asked.http();
    expect(answer.status).toBe(200);
    expect(headerOf(answer, 'x-postern-workload')).toBe('spiffe://demo.test/storefront');
    expect(headerOf(answer, 'x-envoy-auth-headers-to-remove')).toContain('x-postern-user');
    expect(headerOf(answer, 'postern-decision-id')).toBe(asked.kept[0]?.id);
  });

  it('reads the request from its facts alone, whatever method the proxy asks with', async () => {
    const asked = await start();
    for (const method of ['POST', 'DELETE', 'OPTIONS', 'TRACE', 'PURGE']) {
      expect((await asked.http(httpFacts(), CHECK_PATH, method)).status).toBe(200);
    }
    expect(asked.kept.every((record) => 'method' in record && record.method === 'GET')).toBe(true);
  });

  it('denies where the proxy does not send to the fixed path: its template is not ours', async () => {
    const asked = await start();
    for (const target of ['/', '/check/', '/check?x', '/x', 'http://app.demo.test/check', '*'])
      expect((await asked.http(httpFacts(), target)).status).toBe(403);
  });

  it('denies facts that came twice, that are unknown, or that are missing', async () => {
    const asked = await start();
    const facts = httpFacts();
    expect((await asked.http([...facts, ['X-Postern-Service', 'app']])).status).toBe(403);
    expect((await asked.http([...facts, ['x-postern-role', 'admin']])).status).toBe(403);
    expect((await asked.http(facts.filter(([name]) => name !== 'x-postern-target'))).status).toBe(403);
    const reasons = asked.kept.map((record) => 'reason' in record && record.reason);
    expect(reasons).toEqual(['header-duplicate', 'header-unknown', 'header-missing']);
  });

  it('counts every header line: none is dropped before the rule sees it', async () => {
    const asked = await start();
    const flood: Facts = Array.from({ length: 3000 }, () => ['a', 'b'] as const);
    expect((await asked.http([...flood, ...httpFacts()])).status).toBe(403);
    expect((await asked.http([...httpFacts(), ...flood])).status).toBe(403);
    expect(asked.kept.every((record) => 'reason' in record && record.reason === 'request-too-large')).toBe(true);
  });

  it('answers what is no HTTP, or too much of it, with a recorded denial of its own', async () => {
    const asked = await start();
    const wrong = [
      'NONSENSE\r\n\r\n',
      'FOO /check HTTP/1.1\r\n\r\n',
      'GET /check HTTP/1.1\r\nx y: z\r\n\r\n',
      'GET /check HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      `GET /check HTTP/1.1\r\na: ${'b'.repeat(200_000)}\r\n\r\n`,
    ];
    for (const bytes of wrong) {
      const answer = await exchangeRaw({ path: asked.httpSocket }, bytes);
      expect(answer.status, bytes.slice(0, 40)).toBe(403);
    }
    expect(asked.kept.map((record) => 'reason' in record && record.reason)).toEqual([
      ...Array(4).fill('request-malformed'),
      'request-too-large',
    ]);
  });

  it('gives only answers that a proxy takes for what they are, whatever HTTP feature is asked for', async () => {
    const asked = await start();
    const features = [
      'expect: 100-continue',
      'expect: 200-ok',
      'upgrade: websocket\r\nconnection: upgrade',
      'te: trailers',
    ];
    for (const feature of features) {
      const bytes = `GET / HTTP/1.1\r\nhost: x\r\n${feature}\r\n\r\n`;
      const answer = await exchangeRaw(
        { path: asked.httpSocket },
        bytes.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
      );
      expect(answer.status, feature).toBe(403);
    }
  });

  it('does not wait for a client that sends its headers a letter at a time', { timeout: 15_000 }, async () => {
    const asked = await start();
    const socket = connect(asked.httpSocket);
    closing.push(() => socket.destroy());
    const closed = new Promise((resolve) => socket.on('close', resolve));
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', () => {});
    socket.write('GET /check HTTP/1.1\r\n');
    const drip = setInterval(() => socket.writable && socket.write('a'), 200);
    await closed;
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1.1 403 /);
  });
});

describe('whoever watches', () => {
  function watcher() {
    const seen: string[] = [];
    const observer: DecisionObserver = {
      decided: ({ outcome, reason, id }, { protocol, startMs }, endMs) => {
        expect(id).not.toBe('');
        expect(endMs).toBeGreaterThanOrEqual(startMs);
        seen.push(`${protocol} ${outcome} ${reason}`);
      },
      failed: (protocol) => seen.push(`${protocol} failed`),
      recordRefused: () => seen.push('record refused'),
    };
    return { seen, observer };
  }

  it('is told of each decision once, by the flavour it was asked in', async () => {
    const { seen, observer } = watcher();
    const asked = await start({ observer });
    await asked.grpc();
    await asked.http();
    await asked.http(httpFacts({ 'x-postern-target': '/admin' }));
    await asked.grpc(Buffer.from([0xff]));
    expect(seen).toEqual([
      'grpc allow permitted',
      'http allow permitted',
      'http deny forbidden',
      'grpc deny request-malformed',
    ]);
  });

  it('is told of a decision that is not given as of none', async () => {
    const { seen, observer } = watcher();
    const asked = await start({ observer, record: () => Promise.reject(new Error('disk full')) });
    await asked.grpc();
    await asked.http();
    expect(seen).toEqual(['record refused', 'grpc failed', 'record refused', 'http failed']);
  });
});
