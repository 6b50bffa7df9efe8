/** The issuing doors, by who comes: agents, agents for their workloads, workloads by themselves, and ACME's front. */
import type { Hono } from 'hono';
import { createDoor, type DoorPorts } from '../door/door.ts';
import { type AcmeDoorPorts, mountAcmeDoor } from './acme_door.ts';
import { type AgentDoorPorts, mountAgentDoors } from './agent_doors.ts';
import { type AttestDoorPorts, mountAttestDoors } from './attest_doors.ts';
import { type JwtDoorPorts, mountJwtDoors } from './jwt_doors.ts';
import { mountSvidDoors, type SvidDoorPorts } from './svid_doors.ts';

export type IssuePorts = DoorPorts & AgentDoorPorts & SvidDoorPorts & JwtDoorPorts & AttestDoorPorts & AcmeDoorPorts;

export function createIssueApp(ports: IssuePorts): Hono {
  const door = createDoor('issue', ports);
  mountAgentDoors(door, ports);
  mountSvidDoors(door, ports);
  mountJwtDoors(door, ports);
  mountAttestDoors(door, ports);
  mountAcmeDoor(door, ports);
  return door.app;
}
