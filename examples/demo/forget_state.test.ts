import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UsageError } from '../../test/kit/command_line.ts';
import { forgetState } from './forget_state.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-forget-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('forgets the state of a start, also of one that got nowhere', () => {
  for (const name of ['admin-token', 'development-provider', 'log']) {
    mkdirSync(join(dir, name), { recursive: true });
    forgetState(dir);
    expect(existsSync(dir)).toBe(false);
  }
  expect(() => forgetState(dir)).not.toThrow();
});

test('a slip of --dir does not delete somebody’s folder', () => {
  mkdirSync(join(dir, 'log'));
  writeFileSync(join(dir, 'thesis.tex'), '');
  expect(() => forgetState(dir)).toThrow(UsageError);
  expect(existsSync(join(dir, 'thesis.tex'))).toBe(true);
});

test('is not taken from under a Postern that runs in it', () => {
  writeFileSync(join(dir, 'admin-token'), '');
  const database = new DatabaseSync(join(dir, 'table.db'));
  database.exec('BEGIN EXCLUSIVE');
  expect(() => forgetState(dir)).toThrow();
  expect(existsSync(join(dir, 'admin-token'))).toBe(true);
  database.close();
  forgetState(dir);
  expect(existsSync(dir)).toBe(false);
});
