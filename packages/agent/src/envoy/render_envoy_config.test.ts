import { describe, expect, it } from 'vitest';
import { type EnvoyConfigInput, renderEnvoyConfig } from './index.ts';

const input: EnvoyConfigInput = {
  service: 'payments',
  trustDomain: 'demo.test',
  spiffeId: 'spiffe://demo.test/payments',
  listen: { address: '0.0.0.0', port: 8443 },
  upstreamApp: { address: '127.0.0.1', port: 8080 },
  agentSocket: '/run/postern/agent.sock',
  authz: { kind: 'grpc', socket: '/run/postern/authz.sock' },
};
const peer = { name: 'ledger', listenPort: 9001, address: 'ledger.internal', port: 8443 };
const FUNCTION_URL = {
  kind: 'function-url',
  url: 'https://abc123.lambda-url.eu-central-1.on.aws/',
  region: 'eu-central-1',
} as const;

describe('renderEnvoyConfig', () => {
  it('is refused for an identity whose SVID could never be had or accepted', () => {
    const wrong: Partial<EnvoyConfigInput>[] = [
      { spiffeId: 'spiffe://other.test/payments' },
      { spiffeId: 'payments' },
      { outbound: [{ ...peer, spiffeId: 'spiffe://demo.test.evil.test/ledger' }] },
      { authz: { kind: 'https-mtls', address: 'a', port: 1, spiffeId: 'https://demo.test/authorize' } },
    ];
    for (const change of wrong) expect(() => renderEnvoyConfig({ ...input, ...change })).toThrow(RangeError);
  });

  it('resolves names and takes addresses as they are', () => {
    const outbound = [
      { ...peer, spiffeId: 'spiffe://demo.test/ledger' },
      { ...peer, name: 'rates', address: '::1', spiffeId: 'spiffe://demo.test/rates' },
    ];
    const { static_resources } = renderEnvoyConfig({ ...input, outbound }) as {
      static_resources: { clusters: { name: string; type: string }[] };
    };
    expect(static_resources.clusters.map(({ name, type }) => [name, type])).toEqual([
      ['postern-agent', 'STATIC'],
      ['postern-authz', 'STATIC'],
      ['app', 'STATIC'],
      ['outbound-ledger', 'STRICT_DNS'],
      ['outbound-rates', 'STATIC'],
    ]);
  });

  it.each<[string, Partial<typeof FUNCTION_URL> | object]>([
    ['that is no URL', { url: 'abc123' }],
    ['with a path, which would not be asked', { url: `${FUNCTION_URL.url}check` }],
    ['with a user', { url: 'https://u:p@abc123.lambda-url.eu-central-1.on.aws' }],
    ['of another scheme', { url: 'ftp://abc123.lambda-url.eu-central-1.on.aws' }],
    ['without TLS elsewhere', { url: 'http://abc123.lambda-url.eu-central-1.on.aws' }],
    ['without TLS at a name that begins like this machine', { url: 'http://127.0.0.1.evil.test' }],
    ['without TLS, led elsewhere', { url: 'http://localhost', address: { address: '192.0.2.1', port: 80 } }],
    ['with TLS, and no name in it', { url: 'https://192.0.2.1' }],
    ['of no Region', { region: '' }],
    ['of a Region that is none', { region: 'eu central' }],
  ])('asks no function URL %s', (_, change) => {
    expect(() => renderEnvoyConfig({ ...input, authz: { ...FUNCTION_URL, ...change } })).toThrow(RangeError);
  });

  it.each([
    ['as deployed', {}, 'LOGICAL_DNS', 'abc123.lambda-url.eu-central-1.on.aws', 443, true],
    ['without TLS on this machine', { url: 'http://localhost:4566' }, 'LOGICAL_DNS', 'localhost', 4566, false],
    ['at a loopback address', { url: 'http://[::1]:4566' }, 'STATIC', '::1', 4566, false],
    ['led here', { url: 'http://a.test', address: { address: '127.0.0.1', port: 1 } }, 'STATIC', '127.0.0.1', 1, false],
  ] as const)('connects to a function URL %s', (_, change, type, address, port_value, isTls) => {
    const rendered = renderEnvoyConfig({ ...input, authz: { ...FUNCTION_URL, ...change } }) as {
      static_resources: { clusters: { name: string }[] };
    };
    const cluster = rendered.static_resources.clusters.find(({ name }) => name === 'postern-authz');
    expect(cluster).toMatchObject({
      type,
      load_assignment: {
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value } } } }] }],
      },
    });
    expect(cluster).toHaveProperty(isTls ? 'transport_socket' : 'name');
    if (!isTls) expect(cluster).not.toHaveProperty('transport_socket');
  });

  it('never lets a request through undecided, whatever flavour is asked for', () => {
    const flavours: EnvoyConfigInput['authz'][] = [
      input.authz,
      { kind: 'http', socket: '/run/postern/authz-http.sock' },
      { kind: 'https-mtls', address: '192.0.2.1', port: 443, spiffeId: 'spiffe://demo.test/authorize' },
      FUNCTION_URL,
    ];
    for (const authz of flavours) {
      const text = JSON.stringify(renderEnvoyConfig({ ...input, authz }));
      expect(text).toContain('"failure_mode_allow":false');
      expect(text).not.toContain('"failure_mode_allow":true');
    }
  });
});
