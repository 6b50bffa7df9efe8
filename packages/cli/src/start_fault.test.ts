import { expect, test } from 'vitest';
import { explainStartFault } from './start_fault.ts';

const fault = (members: object) => Object.assign(new Error('listen'), members);

test.each([
  ['a port of the system', { code: 'EACCES', address: '0.0.0.0', port: 443 }, 'address-unusable'],
  ['an address of another machine', { code: 'EADDRNOTAVAIL', address: '192.0.2.1', port: 8443 }, 'address-unusable'],
  ['a port in use', { code: 'EADDRINUSE', address: '127.0.0.1', port: 8443 }, 'port-in-use'],
  ['a folder of somebody else', { code: 'EACCES', path: '/srv/state/lock' }, 'folder-unusable'],
])('%s is told as what it is', (_, members, reason) => {
  expect(explainStartFault(fault(members), '/srv/state', '--bundle-endpoint')).toMatchObject({ reason });
});

test('a fault of ours is not explained away', () => {
  expect(explainStartFault(fault({ code: 'EACCES', path: '/etc/passwd' }), '/srv/state', '--dir')).toBeUndefined();
});
