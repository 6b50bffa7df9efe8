/** Where all doors record their refusals and log their faults. */
import { createRefusalLedger } from '@postern/audit';
import type { DoorPorts } from '../door/door.ts';
import { describeFault, type LocalLog } from './log.ts';
import type { RecordBy } from './producers.ts';
import type { Shutdown } from './shutdown.ts';

export function openDoorPorts(ports: {
  readonly recordBy: RecordBy;
  readonly log: LocalLog;
  readonly onFault: (fault: unknown) => void;
  readonly shutdown: Shutdown;
}): DoorPorts {
  const { recordBy, log, onFault, shutdown } = ports;
  const refusals = createRefusalLedger({ append: recordBy('admin'), onFault });
  shutdown.add(refusals.flush);
  return {
    recordRefusal: refusals.record,
    log: ({ instance, door, error }) => log('error', 'door-fault', { instance, door, error: describeFault(error) }),
  };
}
