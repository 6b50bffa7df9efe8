/**
 * A control plane as it looks when deployed: function URLs that let in one AWS identity, behind them a real control plane,
 * and the file that tells where they are. Nothing here has a token.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FunctionUrlAnswer, type FunctionUrlCall, startFunctionUrl, TEST_REGION } from '@postern/agent/testing';
import { startTestControlPlane } from './local_control_plane.ts';
import { runHere } from './run_here.ts';
import type { Ended } from './run_postern.ts';

export const DEPLOYED_DOORS = ['AdminUrl', 'PublishUrl', 'AuditUrl', 'IngestUrl'] as const;
export type DeployedDoor = (typeof DEPLOYED_DOORS)[number];
export const STACK = 'PosternDemo';

export interface DeployedControlPlane {
  /** Where commands run; `outputs.json` is there and nothing else. */
  readonly folder: string;
  readonly outputs: { readonly [name: string]: string };
  /** `METHOD target` of every call that was let in, with the door's name before it. */
  readonly calls: readonly string[];
  readonly refusals: () => readonly string[];
  /** What the platform or a broken function answers in the place of the next call. */
  answerNext(answer: FunctionUrlAnswer): void;
  run(args: readonly string[], environment?: { readonly [name: string]: string }): Promise<Ended>;
  stop(): Promise<void>;
}

export async function startDeployedControlPlane(): Promise<DeployedControlPlane> {
  const behind = await startTestControlPlane();
  const folder = mkdtempSync(join(tmpdir(), 'postern-deployed-'));
  const calls: string[] = [];
  let planned: FunctionUrlAnswer | undefined;

  const answerAs = (door: DeployedDoor) => async (call: FunctionUrlCall) => {
    calls.push(`${door} ${call.method} ${call.target}`);
    const answer = planned;
    planned = undefined;
    return answer ?? forward(behind.url, behind.token, call);
  };
  const servers = await Promise.all(DEPLOYED_DOORS.map((door) => startFunctionUrl({ answer: answerAs(door) })));
  const urls = Object.fromEntries(DEPLOYED_DOORS.map((door, index) => [door, `${servers[index]?.url}/`]));
  const outputs = {
    Region: TEST_REGION,
    PublicUrl: behind.url,
    AuthorizeUrl: 'https://abc123.lambda-url.eu-central-1.on.aws/',
    ...urls,
  };
  writeFileSync(join(folder, 'outputs.json'), JSON.stringify({ Network: { VpcId: 'vpc-1' }, [STACK]: outputs }));
  return {
    folder,
    outputs,
    calls,
    refusals: () => servers.flatMap((server) => server.refusals),
    answerNext(answer) {
      planned = answer;
    },
    run: (args, environment = {}) => runHere(args, { folder, environment }),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await behind.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As the function would answer it; agents' calls carry proofs of their own. */
async function forward(url: string, token: string, { method, target, headers, body }: FunctionUrlCall) {
  const passed = ['content-type', 'postern-proof'].flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const authorization = headers.has('postern-proof') ? {} : { authorization: `Bearer ${token}` };
  const init = { method, headers: { ...Object.fromEntries(passed), ...authorization } };
  const bytes = new Uint8Array(body);
  const response = await fetch(url + target, bytes.length === 0 ? init : { ...init, body: bytes });
  const type = response.headers.get('content-type') ?? '';
  return { status: response.status, headers: { 'content-type': type }, body: await response.text() };
}
