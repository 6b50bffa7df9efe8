/** One line of a record, for people. */
import type { AuditRecord } from '@postern/audit';

export function summaryOf(record: AuditRecord): string {
  switch (record.kind) {
    case 'decision': {
      // Refused before anybody was established, the caller is not anonymous: nobody looked.
      const caller =
        record.workload?.spiffeId ?? (record.parties.length === 0 ? 'caller not established' : 'anonymous');
      const user = record.user === undefined ? '' : ` for ${record.user.subject}`;
      const observed = record.observed ? ' (let through: observe)' : '';
      // Of a check that could not be read it is not known what was asked.
      const asked = [record.service, record.method, record.path].filter(Boolean).join(' ');
      return `${record.outcome} ${record.reason}: ${caller}${user}${asked === '' ? '' : ` → ${asked}`}${observed}`;
    }
    case 'issuance-begin':
    case 'issuance-complete':
    case 'issuance-failed':
      return `${record.isServer ? `server ${record.dnsNames.join(' ')} of ` : ''}${record.spiffeId} serial ${record.serial}${record.reason === undefined ? '' : ` ${record.reason}`}`;
    case 'jwt-issued':
    case 'jwt-failed':
      return `${record.spiffeId} for ${record.audience.join(' ')}${record.reason === undefined ? '' : ` ${record.reason}`}`;
    case 'join':
      return `${record.agentId} serial ${record.serial}`;
    case 'issuer-certified':
      return `issuer ${record.keyId} serial ${record.serial}`;
    case 'rollover-step': {
      const which = record.key === undefined ? '' : ` ${record.key} ${record.generation}`;
      const reason = record.reason === undefined ? '' : `: ${record.reason}`;
      return `${record.step}${which} to state ${record.sequence} by ${record.by}${reason}`;
    }
    case 'entry-created':
    case 'entry-updated':
    case 'entry-deleted':
      return `${record.spiffeId} on ${record.parentId} by ${record.by}`;
    case 'acme-account':
    case 'acme-order':
    case 'acme-challenge': {
      const names = record.dnsNames === undefined ? '' : ` ${record.dnsNames.join(' ')}`;
      const reason = record.reason === undefined ? '' : `: ${record.reason}`;
      return `${record.event}${names} by account ${record.accountId} of entry ${record.entryId}${reason}`;
    }
    case 'release-published':
      return `release ${record.releaseNumber} by ${record.by}`;
    case 'administrator-action':
      return `${record.action} ${record.subject} by ${record.by}`;
    case 'signal-received':
      return `${record.outcome} ${record.subject} from ${record.source}: ${record.reason}`;
    case 'revocation':
      return `${record.subject}${record.lifted ? ' given back' : ''} by ${record.by}: ${record.reason}`;
    case 'revocation-list':
      return `list ${record.list} number ${record.listNumber} with ${record.entries}`;
    case 'refusal':
      return `${record.door}: ${record.reason}${record.caller === undefined ? '' : ` of ${record.caller}`} × ${record.count}`;
    default:
      return scalarsOf(record);
  }
}

const HEADER = new Set(['v', 'id', 'producer', 'number', 'atMs', 'kind']);

/** Of a kind without a line of its own, as a newer control plane may send. */
function scalarsOf(record: object): string {
  return Object.entries(record)
    .filter(([name, value]) => !HEADER.has(name) && typeof value !== 'object')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
