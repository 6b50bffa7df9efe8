/** What was answered is there, whenever the process ends (SIGKILL), and what is there is whole. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { openSqliteObjects, openSqliteTable } from './index.ts';

const ROUNDS = 50;
const WRITER = join(import.meta.dirname, '../testing/writer_process.ts');

/** Answers what the process said was answered, up to its end at a moment of chance after its first answer. */
function writeUntilKilled(dir: string, round: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const writer = spawn(process.execPath, [WRITER, dir, String(round)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [said, faults, isDying] = ['', '', false];
    writer.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (isDying) return;
      isDying = true;
      setTimeout(() => writer.kill('SIGKILL'), Math.random() * 60);
    });
    writer.stderr.setEncoding('utf8').on('data', (text) => {
      faults += text;
    });
    writer.on('error', reject);
    // The last line may be cut off.
    writer.on('close', (_, signal) =>
      signal === 'SIGKILL' ? resolve(said.split('\n').slice(0, -1)) : reject(new Error(faults)),
    );
  });
}

test('a write that was answered survives the end of its process at any moment', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-killed-'));
  let answered = 0;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const names = await writeUntilKilled(dir, round);
      answered += names.length;
      const opened = openSqliteTable(join(dir, 'table.db'), { clock: systemClock });
      const stored = openSqliteObjects(join(dir, 'objects.db'));
      for (const name of names) {
        expect(await opened.table.get({ pk: 'written', sk: name })).toMatchObject({ attributes: { name } });
        expect(Buffer.from((await stored.objects.get(`written/${name}`)) ?? []).toString()).toBe(name);
      }
      opened.close();
      stored.close();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  expect(answered).toBeGreaterThan(10 * ROUNDS);
});
