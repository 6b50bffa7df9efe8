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

  it('never lets a request through undecided, whatever flavour is asked for', () => {
    const flavours: EnvoyConfigInput['authz'][] = [
      input.authz,
      { kind: 'http', socket: '/run/postern/authz-http.sock' },
      { kind: 'https-mtls', address: '192.0.2.1', port: 443, spiffeId: 'spiffe://demo.test/authorize' },
    ];
    for (const authz of flavours) {
      const text = JSON.stringify(renderEnvoyConfig({ ...input, authz }));
      expect(text).toContain('"failure_mode_allow":false');
      expect(text).not.toContain('"failure_mode_allow":true');
    }
  });
});
