/** Runs a program with an identity: files that are kept fresh for it, and word of each change. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { WorkloadSvid } from '@postern/agent';
import type { Cli } from '../cli.ts';
import { createLog } from '../log_lines.ts';
import { pemOfSvid } from '../svid_text.ts';
import { type OutputFile, outputNotWritten } from '../write_files.ts';
import { type RunningChild, signalExitCode, startChild } from './child.ts';
import { type Choice, followSvid } from './follow_svid.ts';
import { followToken } from './follow_token.ts';
import { keepFiles } from './kept_files.ts';
import type { RunPorts } from './ports.ts';
import { createSwappedFiles, type SwappedFiles } from './swapped_files.ts';

export interface WorkloadRun {
  readonly socketPath: string;
  readonly choice: Choice;
  /** Absolute; a private one of its own, gone at the end, when absent. */
  readonly folder?: string | undefined;
  /** Whether what was written there goes at the end, too. */
  readonly removesFiles: boolean;
  readonly names: { readonly svid: string; readonly key: string; readonly bundle: string };
  readonly tokens: readonly { readonly audience: string; readonly name: string }[];
  readonly waitMs: number;
  /** What the program is told of another SVID or bundle. Of tokens it is told nothing: they are read when they are used. */
  readonly onChange: 'nothing' | 'restart' | NodeJS.Signals;
  readonly killAfterMs: number;
  readonly command: string;
  readonly args: readonly string[];
}

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];
/** A terminal sends these to every program in its foreground. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const NO_END: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2'];

/** Answers the program's exit code, or 128 + n when signal n came before it was started. Throws `CommandFailure`. */
export async function runWorkload(cli: Cli, run: WorkloadRun): Promise<number> {
  const { io } = cli;
  const over = new AbortController();
  let child: RunningChild | undefined;
  let endedBy: NodeJS.Signals = 'SIGTERM';
  const forgetSignals = io.onSignals(PASSED_ON, (name) => {
    if (child !== undefined) {
      if (!(io.hasTerminal && OF_TERMINALS.includes(name))) child.signal(name);
    } else if (!NO_END.includes(name)) {
      endedBy = name;
      over.abort();
    }
  });
  const log = createLog(cli);
  const ports: RunPorts = {
    socketPath: run.socketPath,
    deadlineMs: performance.now() + run.waitMs,
    signal: over.signal,
    log,
    nowMs: io.nowMs,
  };
  const place = openPlace(run, io.environment);
  const kept = keepFiles(place.files, place.folder, log);
  try {
    let current: WorkloadSvid | undefined;
    const takeSvid = (svid: WorkloadSvid) => {
      const isChanged = kept.set(filesOf(svid, run.names));
      current = svid;
      if (isChanged)
        log('info', 'svid-held', { spiffeId: svid.spiffeId, serial: svid.serial, until: iso(svid.notAfterMs) });
      return isChanged;
    };
    const identity = followSvid(ports, run.choice);
    const first = await identity.next();
    if (first.done) return signalExitCode(endedBy);
    takeSvid(first.value);
    const tokens = run.tokens.map(({ audience, name }) => ({
      name,
      values: followToken(ports, { audience, spiffeId: () => (current ?? first.value).spiffeId }),
    }));
    const takeToken = (name: string, token: string) => kept.set([{ name, text: token, isSecret: true }]);
    for (const { name, values } of tokens) {
      const token = await values.next();
      if (token.done) return signalExitCode(endedBy);
      takeToken(name, token.value);
    }
    kept.writeFirst();
    const started = startChild({
      command: run.command,
      args: run.args,
      folder: io.folder,
      environment: { ...io.environment, ...environmentOf(run, place.folder, first.value.spiffeId) },
      killAfterMs: run.killAfterMs,
      onKill: () => log('warn', 'program-killed', { afterMs: run.killAfterMs }),
    });
    child = started;

    const tell = () => {
      if (run.onChange === 'restart') started.restart();
      else if (run.onChange !== 'nothing') started.signal(run.onChange);
    };
    const keepSvid = async () => {
      for await (const svid of identity) if (takeSvid(svid)) kept.write(tell);
    };
    const keepToken = async ({ name, values }: (typeof tokens)[number]) => {
      for await (const token of values) if (takeToken(name, token)) kept.write();
    };
    for (const keeping of [keepSvid(), ...tokens.map(keepToken)])
      keeping.catch((fault: Error) => log('error', 'files-not-kept', { error: fault.message }));
    return await started.ended;
  } finally {
    over.abort();
    forgetSignals();
    kept.stop();
    place.leave();
  }
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Throws when the key is not the certificate's. */
function filesOf(svid: WorkloadSvid, names: WorkloadRun['names']): readonly OutputFile[] {
  const { chain, privateKey, bundle } = pemOfSvid(svid);
  return [
    { name: names.svid, text: chain },
    { name: names.key, text: privateKey, isSecret: true },
    { name: names.bundle, text: bundle },
  ];
}

function environmentOf({ socketPath, names }: WorkloadRun, folder: string, spiffeId: string) {
  return {
    SPIFFE_ENDPOINT_SOCKET: `unix://${socketPath}`,
    POSTERN_SPIFFE_ID: spiffeId,
    POSTERN_SVID_DIR: folder,
    POSTERN_SVID_FILE: join(folder, names.svid),
    POSTERN_SVID_KEY_FILE: join(folder, names.key),
    POSTERN_BUNDLE_FILE: join(folder, names.bundle),
  };
}

interface Place {
  readonly folder: string;
  readonly files: SwappedFiles;
  leave(): void;
}

function openPlace({ folder, removesFiles }: WorkloadRun, environment: Cli['io']['environment']): Place {
  if (folder !== undefined) {
    const files = createSwappedFiles(folder);
    return { folder, files, leave: () => removesFiles && files.remove() };
  }
  const own = makePrivateFolder(environment['XDG_RUNTIME_DIR']);
  return { folder: own, files: createSwappedFiles(own), leave: () => rmSync(own, { recursive: true, force: true }) };
}

/** 0700. `runtimeDir`: of the user, in memory, where the machine has one. */
function makePrivateFolder(runtimeDir: string | undefined): string {
  const isThere = runtimeDir !== undefined && isAbsolute(runtimeDir) && statSync(runtimeDir, { throwIfNoEntry: false });
  const base = isThere ? runtimeDir : tmpdir();
  try {
    return mkdtempSync(join(base, 'postern-run-'));
  } catch (cause) {
    throw outputNotWritten(base, cause);
  }
}
