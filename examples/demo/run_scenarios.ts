/** Sends each scenario through the mesh, finds its record, and compares with what was declared. */
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import { waitUntil } from '../../test/kit/wait.ts';
import { type CallAnswer, callPlain, callTls } from './calls.ts';
import type { DemoControlPlane } from './control_plane.ts';
import type { Identity } from './identity.ts';
import type { Mesh } from './mesh.ts';
import { TRUST_DOMAIN } from './places.ts';
import { decisionIdOf, SCENARIOS, type Scenario } from './scenarios.ts';
import { type Shown, showDecision } from './transcript.ts';

export type Send = (scenario: Scenario, token: string | undefined) => Promise<CallAnswer>;

/** Records of the agent reach the control plane within its batch window and a shipping period. */
const RECORD_TIMEOUT_MS = 15_000;

export function sendThroughMesh(mesh: Mesh, reports: Identity): Send {
  return (scenario, token) => {
    const { method, target, headers } = scenario;
    const host = `${scenario.service}.${TRUST_DOMAIN}`;
    const call = { host, method, target, token, headers };
    switch (scenario.sender) {
      case 'storefront':
        return callPlain({ ...call, port: mesh.toPaymentsPort });
      case 'reports':
        return callTls(
          { ...call, port: mesh.paymentsPort },
          { ca: reports.ca, serverId: `spiffe://${TRUST_DOMAIN}/payments`, identity: reports },
        );
      case 'visitor':
        return callTls(
          { ...call, port: mesh.storefrontPort },
          { ca: reports.ca, serverId: `spiffe://${TRUST_DOMAIN}/storefront` },
        );
    }
  };
}

export async function runScenarios(plane: DemoControlPlane, send: Send): Promise<readonly Shown[]> {
  const shown: Shown[] = [];
  for (const scenario of SCENARIOS) {
    const token =
      scenario.user &&
      (await plane.provider.signIn({ sub: scenario.user.sub, authTimeSecondsAgo: scenario.user.signedInSecondsAgo }));
    const answer = await send(scenario, token?.accessToken);
    const decisionId = decisionIdOf(answer);
    const record = decisionId === undefined ? undefined : await recordOf(plane, decisionId);
    const isAsDeclared = compare(scenario, answer, record);
    shown.push({ scenario, status: answer.status, decisionId, record, isAsDeclared });
    showDecision(shown[shown.length - 1] as Shown);
  }
  return shown;
}

async function recordOf({ admin }: DemoControlPlane, id: string): Promise<AuditRecord | undefined> {
  let record: AuditRecord | undefined;
  await waitUntil(`the record of decision ${id}`, RECORD_TIMEOUT_MS, async () => {
    record = await admin.get<AuditRecord>(PATHS.admin.record(id)).catch(() => undefined);
    return record !== undefined;
  });
  return record;
}

function compare({ expect, headers, service }: Scenario, answer: CallAnswer, record: AuditRecord | undefined): boolean {
  if (record?.kind !== 'decision' || record.service !== service) return false;
  const isOutcome =
    answer.status === expect.status && record.outcome === expect.outcome && record.reason === expect.reason;
  if (answer.status !== 200) return isOutcome;
  // What got through must have reached the service itself, without the caller's credential or forged headers.
  const echo = JSON.parse(answer.body) as { service: string; sawCredential: boolean; told: { [name: string]: string } };
  const forged = Object.entries(headers ?? {}).some(([name, value]) => echo.told[name] === value);
  return isOutcome && echo.service === service && !echo.sawCredential && !forged;
}
