/**
 * ACME (RFC 8555, RFC 9773) for what speaks only that. Strangers come here, and from here goes out whatever their names lead
 * to; so nothing is held here that a certificate is made with: `issue` is asked, and believes what clients signed.
 */
import type { Hono } from 'hono';
import { createDoor } from '../door/door.ts';
import { mountAccountDoors } from './account_doors.ts';
import { mountAuthorizationDoors } from './authorization_doors.ts';
import { mountOpenDoors } from './open_doors.ts';
import { mountOrderDoors } from './order_doors.ts';
import type { AcmePorts } from './ports.ts';
import { mountRevocationDoor } from './revocation_door.ts';
import { createSignedDoors } from './signed_doors.ts';

export function createAcmeApp(ports: AcmePorts): Hono {
  const door = createDoor('acme', ports);
  const signed = createSignedDoors(door, ports);
  mountOpenDoors(door, ports);
  mountAccountDoors(signed, ports);
  mountOrderDoors(signed, ports);
  mountAuthorizationDoors(signed, ports);
  mountRevocationDoor(signed, ports);
  return door.app;
}
