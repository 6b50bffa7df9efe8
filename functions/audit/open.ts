import type { VerifyAdministrator } from '../door/administrator.ts';
import type { FunctionPorts } from '../ports.ts';
import { createRecorder } from '../recorder.ts';
import type { OpenApp } from '../served.ts';
import { createAuditApp } from './app.ts';

export async function openAudit(
  ports: FunctionPorts & { readonly verifyAdministrator: VerifyAdministrator },
): Promise<OpenApp> {
  const { table, clock, verifyAdministrator } = ports;
  const recorder = createRecorder('audit', ports);
  const app = createAuditApp({ ...recorder.doorPorts, verifyAdministrator, trail: recorder.trail, table, clock });
  return { app, ...recorder.lifecycle };
}
