/** The reason for the thin client: what a fast function imports loads nothing of the SDK, however long the way. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Every module that importing these loads, in a Node of its own. */
function loadedBy(...modules: string[]): string[] {
  const script = `import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    for (const module of ${JSON.stringify(modules.map((module) => import.meta.resolve(module)))}) await import(module);
    process.stdout.write(JSON.stringify(loaded));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return JSON.parse(output) as string[];
}
const SDK = /@aws-sdk|@smithy/;

test('the adapters on the thin client, and Lambda’s side, load nothing of the SDK', () => {
  const loaded = loadedBy('./index.ts', '../index.ts', '../lambda/index.ts', '../signed_fetch/index.ts');
  expect(loaded.filter((url) => SDK.test(url))).toEqual([]);
  expect(loaded.some((url) => url.endsWith('/send.ts'))).toBe(true);
});

/** Node's own `fetch`: loading it costs a start 28 ms. */
function loadsFetch(call: string): boolean {
  const script = `const { createThinClients } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))});
    const clients = createThinClients({ region: 'eu-west-1', endpoint: 'http://127.0.0.1:9',
      credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }) });
    let name = '';
    await clients.dynamodb.getItem({ TableName: 't', Key: {} }, AbortSignal.timeout(1000)).catch((fault) => {
      name = fault.name;
    });
    if (name !== 'AnswerLost') throw new Error(name);
    ${call};
    process.stdout.write(String(process.moduleLoadList.some((name) => name.includes('undici'))));`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }) === 'true';
}

test('a call is made without Node’s own fetch', () => {
  expect(loadsFetch('')).toBe(false);
  expect(loadsFetch('new Headers()')).toBe(true);
});

test('what would load the SDK is seen', () => {
  expect(loadedBy('../sdk/index.ts').some((url) => SDK.test(url))).toBe(true);
});
