/** A control plane in a process of its own, so that its CPU time is its own, and the few calls that seed it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlaneTrust } from '@postern/api';
import { type RunningProcess, startProcess } from '../../kit/process.ts';

export type ControlPlaneReady = {
  readonly trust: ControlPlaneTrust;
  readonly administratorTokenFile: string;
  readonly postureSecretFile: string;
};

export type BenchControlPlane = ControlPlaneReady & {
  readonly process: RunningProcess;
  /** `POST` as administrator; throws unless it is answered 2xx. */
  readonly post: <T>(path: string, body: unknown) => Promise<T>;
};

const PROGRAM = join(import.meta.dirname, 'control_plane_program.ts');

export async function startControlPlane(dir: string, trustDomain: string): Promise<BenchControlPlane> {
  const process_ = await startProcess({
    name: 'the control plane',
    command: process.execPath,
    args: [PROGRAM, dir, trustDomain],
    ready: { line: /^ready / },
  });
  const ready = JSON.parse(process_.output.match(/^ready (.*)$/)![1]!) as ControlPlaneReady;
  const authorization = `Bearer ${readFileSync(ready.administratorTokenFile, 'utf8').trim()}`;
  return {
    ...ready,
    process: process_,
    async post<T>(path: string, body: unknown) {
      const headers = { authorization, 'content-type': 'application/json' };
      const response = await fetch(ready.trust.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}
