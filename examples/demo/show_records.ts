/** What the control plane recorded meanwhile, by its own account. */
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import type { DemoControlPlane } from './control_plane.ts';
import { formatSecond, heading, type Shown, showRecord, step } from './transcript.ts';

export async function showIssued({ admin }: DemoControlPlane, sinceMs: number): Promise<void> {
  heading('SVIDs issued: SPIFFE ID, serial, end');
  const { records } = await admin.get<{ records: readonly AuditRecord[] }>(
    `${PATHS.admin.records}?kind=issuance-complete&limit=10`,
  );
  for (const record of records) {
    if (record.kind === 'issuance-complete' && record.atMs >= sinceMs)
      step(`${record.spiffeId.padEnd(42)}  ${record.serial.slice(0, 10)}…  ${formatSecond(record.notAfterMs)}`);
  }
}

export async function showTrail({ admin }: DemoControlPlane, shown: readonly Shown[]): Promise<void> {
  heading('Audit records of these');
  for (const { decisionId } of shown) {
    if (decisionId !== undefined) showRecord(await admin.get<AuditRecord>(PATHS.admin.record(decisionId)));
  }
}
