/**
 * Without Envoy: the agent is asked as a recorded Envoy asked it, header line by header line, with this run's
 * certificates and tokens put in. The decision is the real one; what an Envoy does with the answer is told, not done.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { answerOf, type CallAnswer, TIMEOUT_MS } from '../calls.ts';
import { fetchIdentity } from '../identity.ts';
import { type Places, TRUST_DOMAIN } from '../places.ts';
import type { Send } from '../run_scenarios.ts';
import type { Scenario } from '../scenarios.ts';

interface Recording {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const RECORDING = join(import.meta.dirname, 'envoy_check.json');
/** The recorded Envoy decodes dots before it asks; the rest of a target stays as it came. */
const asEnvoyAsks = (target: string) => target.replaceAll('%2e', '.');

export function startRecorded(places: Places): Send {
  const recording = JSON.parse(readFileSync(RECORDING, 'utf8')) as Recording;
  return async (scenario, token) => {
    const values = await valuesOf(places, scenario, token);
    // A line whose value there is not is a line that Envoy does not send.
    const lines = recording.headers.flatMap(([name, template]) => {
      const value = fill(template, values);
      return value === undefined ? [] : [[name, value] as const];
    });
    return asApplication(await ask(places.authzHttpSocket, recording, lines), scenario, token !== undefined);
  };
}

async function valuesOf(
  places: Places,
  scenario: Scenario,
  token: string | undefined,
): Promise<{ readonly [name: string]: string | undefined }> {
  const uri = scenario.sender === 'visitor' ? undefined : `spiffe://${TRUST_DOMAIN}/${scenario.sender}`;
  const identity = uri === undefined ? undefined : await fetchIdentity(places, uri);
  const leaf = identity?.cert.slice(0, identity.cert.indexOf('-----END CERTIFICATE-----') + 26);
  return {
    service: scenario.service,
    authority: `${scenario.service}.${TRUST_DOMAIN}`,
    method: scenario.method,
    target: asEnvoyAsks(scenario.target),
    token,
    uri,
    certificate: leaf && encodeURIComponent(leaf),
    requestId: randomUUID(),
  };
}

function fill(template: string, values: { readonly [name: string]: string | undefined }): string | undefined {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  if (names.some((name) => values[name] === undefined)) return undefined;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] as string);
}

function ask(
  socketPath: string,
  recording: Recording,
  lines: readonly (readonly [string, string])[],
): Promise<CallAnswer> {
  return answerOf(
    http.request({
      socketPath,
      method: recording.method,
      path: recording.path,
      headers: lines.flat(),
      setHost: false,
      agent: false,
      timeout: TIMEOUT_MS,
    }),
  );
}

/** What the service behind an Envoy would have got: the headers that the answer sets, without those it removes. */
function asApplication(answer: CallAnswer, scenario: Scenario, hasToken: boolean): CallAnswer {
  if (answer.status !== 200) return answer;
  const removed = String(answer.headers['x-envoy-auth-headers-to-remove'] ?? '').split(',');
  const told = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith('x-postern-')));
  const sawCredential = hasToken && !removed.includes('authorization');
  return { ...answer, body: JSON.stringify({ service: scenario.service, told, sawCredential }) };
}
