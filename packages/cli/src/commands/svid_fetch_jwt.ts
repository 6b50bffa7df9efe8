/** `postern svid fetch --jwt` */
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkloadJwtSvid } from '@postern/agent';
import type { Answer, Cli } from '../cli.ts';
import { CommandFailure } from '../failure.ts';
import { formatFields, formatTime, type Paint } from '../terminal_text.ts';
import { FAILURES, failureOf, socketPathOf, WORKLOAD_API_TIMEOUT_MS } from '../workload_api.ts';
import { writeFiles } from '../write_files.ts';
import type { FetchOptions } from './svid_fetch.ts';

const RETRY_MS = 500;

/** Tokens are what this command is for, and so it prints them: where nobody should see them, `--out` writes the first. */
export async function fetchJwt(cli: Cli, options: FetchOptions): Promise<Answer> {
  const { audience = [], spiffeId } = options;
  if (options.jwt !== true) throw usage('`--audience` is of tokens', 'add --jwt');
  if (audience.length === 0) throw usage('a token is for somebody', 'add --audience, such as the URL of the service');
  if (options.follow === true) throw usage('a token is asked for when it is used', 'leave out --follow');
  const { fetchJwtSvids } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const untilMs = performance.now() + (options.wait ?? 0) * 1000;
  for (;;) {
    const call = { socketPath, timeoutMs: WORKLOAD_API_TIMEOUT_MS };
    const fetched = await fetchJwtSvids(call, { audience, spiffeId });
    if (fetched.ok) return take(cli, options, fetched.value);
    if (!FAILURES[fetched.reason].isPassing || performance.now() > untilMs)
      throw failureOf(fetched.reason, socketPath, fetched.detail);
    await pause(RETRY_MS);
  }
}

function take(cli: Cli, { out }: FetchOptions, svids: readonly WorkloadJwtSvid[]): Answer {
  const [first] = svids as readonly [WorkloadJwtSvid];
  const folder = out === undefined ? undefined : resolve(cli.io.folder, out);
  // In a file they are not on the screen as well.
  if (folder !== undefined) writeFiles(folder, [{ name: 'svid.jwt', text: `${first.token}\n`, isSecret: true }]);
  const isShown = folder === undefined;
  return {
    json: {
      svids: svids.map((svid) => jwtSvidJson(svid, isShown)),
      ...(folder !== undefined && { written: { folder, spiffeId: first.spiffeId } }),
    },
    text: (paint) =>
      svids.map((svid) => jwtSvidText(paint, svid, isShown)).join('\n') +
      (isShown ? '' : `\nwritten to ${folder}: svid.jwt\n`),
  };
}

function jwtSvidJson({ spiffeId, hint, audience, expiresAtMs, token }: WorkloadJwtSvid, isShown: boolean): object {
  return { spiffeId, hint, audience, expiresAtMs, ...(isShown && { token }) };
}

function jwtSvidText(paint: Paint, svid: WorkloadJwtSvid, isShown: boolean): string {
  const fields = formatFields(paint, [
    ['SPIFFE ID', svid.spiffeId],
    ['hint', svid.hint],
    ['audience', svid.audience.join(' ')],
    ['valid until', formatTime(svid.expiresAtMs)],
  ]);
  return isShown ? `${fields}${svid.token}\n` : fields;
}

const usage = (message: string, advice: string) => new CommandFailure('usage', 'option-missing', message, advice);
