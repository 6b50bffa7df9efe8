/** A client that writes the facts of the decision itself: what `authorize` saw is in its record. */
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { callTls } from '../../calls.ts';
import { TRUST_DOMAIN } from '../../places.ts';
import { decisionIdOf } from '../../scenarios.ts';
import type { CloudDemo } from '../start.ts';

/** Every fact that the template sets, as it would be if anybody could look at the shop window. */
export const FORGED_FACTS = {
  'x-postern-service': 'storefront',
  'x-postern-method': 'GET',
  'x-postern-target': '/',
  'x-postern-authority': `storefront.${TRUST_DOMAIN}`,
  'x-postern-scheme': 'http',
  'x-postern-peer-certificate': '-',
  'x-postern-peer-uri': `spiffe://${TRUST_DOMAIN}/storefront`,
  'x-postern-source-address': '192.0.2.1',
  'x-postern-request-id': 'forged',
  'x-postern-authorization': 'Bearer forged',
} as const;

/** What the record of `POST /refunds` at payments by `reports`, without a user, says, whatever the client wrote. */
export const SEEN = {
  kind: 'decision',
  outcome: 'deny',
  reason: 'user-missing',
  service: 'payments',
  action: 'payments:refund',
  method: 'POST',
  path: '/refunds',
  host: `payments.${TRUST_DOMAIN}`,
  assurance: 'certificate',
} as const;

export async function checkForgedHeaders({ plane, mesh, reports }: CloudDemo): Promise<string> {
  const answer = await callTls(
    {
      port: mesh.paymentsPort,
      host: `payments.${TRUST_DOMAIN}`,
      method: 'POST',
      target: '/refunds',
      headers: FORGED_FACTS,
    },
    { ca: reports.ca, serverId: `spiffe://${TRUST_DOMAIN}/payments`, identity: reports },
  );
  const id = decisionIdOf(answer);
  if (id === undefined) throw new Error(`status ${answer.status}, and no decision`);
  const record = await plane.admin.get<AuditRecord>(PATHS.admin.record(id));
  const differing = Object.entries(SEEN).find(([member, value]) => record[member as keyof AuditRecord] !== value);
  if (differing !== undefined) throw new Error(`${differing[0]}: ${JSON.stringify(record)}`);
  return `${Object.keys(FORGED_FACTS).length} headers, decided as ${SEEN.method} ${SEEN.path} at ${SEEN.service}`;
}
