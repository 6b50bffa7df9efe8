import { describe, expect, test } from 'vitest';
import { type RawRequest, type RouteReason, routeRequest } from './route_request.ts';
import { loadedFrom, PAYMENTS_FILES } from './testing/index.ts';

const loaded = loadedFrom({
  ...PAYMENTS_FILES,
  'services/files.yaml': `name: files
owner: shop
hosts: [files.demo.test, "[::1]"]
enforcementPoints: [spiffe://demo.test/files]
pathParameters: keep
`,
  'services/pages.yaml': `name: pages
owner: shop
hosts: [pages.demo.test]
enforcementPoints: [spiffe://demo.test/pages]
user: none
routes:
  - { action: page, methods: [GET], path: "/pages/{id}" }
  - { action: adminPage, methods: [GET], path: /pages/admin, user: required }
`,
});

const REFUND: RawRequest = { method: 'POST', target: '/refunds', authority: 'payments.demo.test' };

describe('a request becomes the action of a service', () => {
  test('with path, host and the route', () => {
    const request = { ...REFUND, target: '/refunds?id=7&next=/../x', authority: 'Payments.Demo.Test.:8443' };
    expect(routeRequest(loaded, 'payments', request)).toMatchObject({
      ok: true,
      value: {
        action: 'payments:refund',
        path: '/refunds',
        host: 'payments.demo.test',
        user: 'optional',
        route: { action: 'refund' },
      },
    });
  });

  test('a route may ask for a user where its service does not', () => {
    const ask = (target: string) =>
      routeRequest(loaded, 'pages', { method: 'GET', target, authority: 'pages.demo.test' });
    expect(ask('/pages/7')).toMatchObject({ value: { action: 'pages:page', user: 'none' } });
    expect(ask('/pages/admin')).toMatchObject({ value: { action: 'pages:adminPage', user: 'required' } });
  });

  test('without routes the method is the action', () => {
    const ask = (method: string, target: string) =>
      routeRequest(loaded, 'files', { method, target, authority: '[::1]:80' });
    expect(ask('GET', '/')).toMatchObject({ value: { action: 'files:get', route: { groups: ['read'] } } });
    expect(ask('DELETE', '/a;v=1/b/')).toMatchObject({ value: { action: 'files:delete', path: '/a;v=1/b/' } });
    expect(ask('TRACE', '/')).toMatchObject({ ok: false, reason: 'method-not-routed' });
    expect(ask('PROPFIND', '/')).toMatchObject({ ok: false, reason: 'method-not-routed' });
  });

  const refused: [name: string, service: string, change: Partial<RawRequest>, reason: RouteReason][] = [
    ['a service that is not there', 'paymints', {}, 'service-unknown'],
    ['a name from the prototype', '__proto__', {}, 'service-unknown'],
    ['a path that is not canonical', 'payments', { target: '/x/../refunds' }, 'path-dot-segment'],
    ['parameters where they are rejected', 'payments', { target: '/refunds;x=1' }, 'path-parameter'],
    ['a whole URL', 'payments', { target: 'http://payments.demo.test/refunds' }, 'target-absolute-form'],
    ['another host', 'payments', { authority: 'files.demo.test' }, 'host-not-served'],
    ['a host below', 'payments', { authority: 'a.payments.demo.test' }, 'host-not-served'],
    ['no host', 'payments', { authority: '' }, 'host-empty'],
    ['userinfo', 'payments', { authority: 'payments.demo.test@evil.test' }, 'host-userinfo'],
    ['another path', 'payments', { target: '/refund' }, 'path-not-routed'],
    ['a slash at the end, which is another path', 'payments', { target: '/refunds/' }, 'path-not-routed'],
    ['another case', 'payments', { target: '/Refunds' }, 'path-not-routed'],
    ['another method', 'payments', { method: 'GET' }, 'method-not-routed'],
    ['a method in small letters', 'payments', { method: 'post' }, 'method-not-routed'],
  ];
  test.each(refused)('%s is refused', (_name, service, change, reason) => {
    expect(routeRequest(loaded, service, { ...REFUND, ...change })).toMatchObject({ ok: false, reason });
  });
});
