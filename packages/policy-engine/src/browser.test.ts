/**
 * The engine where there is no Node: bundled for browsers, in a realm that has the language, `TextEncoder` and
 * `TextDecoder`, and nothing else, under the strictest content-security policy (no code from strings, no WebAssembly).
 */
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { explainDecision } from './explain/index.ts';
import { decide, formatRelease, loadRelease } from './index.ts';
import { formatRecordedInput, inputOf, parseRecordedInput, type RecordedInput } from './replay/index.ts';
import { PAYMENTS_FILES, releaseFrom } from './testing/index.ts';

const release = releaseFrom({
  ...PAYMENTS_FILES,
  'org/rules.cedar': `
@id("work-hours") permit (principal is User, action in Action::"write", resource)
when { context.local.hour >= 9 && context.local.hour < 17 && context.network has sourceIp && context.network.sourceIp.isInRange(ip("10.0.0.0/8")) };
@id("readers") permit (principal is User, action in Action::"read", resource) when { context.request.path like "/bal*" };
@id("managed") @tell("caller") forbid (principal, action, resource) unless { context has device && context.device.managed };
`,
});

const PROGRAM = `
import { decide, loadRelease, parseRelease } from './index.ts';
import { explainDecision } from './explain/index.ts';
import { inputOf, parseRecordedInput } from './replay/index.ts';

const accepted = (result) => {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
};

export function answer(bytes, lines) {
  const loaded = accepted(loadRelease(accepted(parseRelease(Uint8Array.from(bytes)))));
  return JSON.stringify(lines.map((line) => {
    const input = accepted(inputOf(loaded, accepted(parseRecordedInput(line))));
    return [decide(loaded, input), explainDecision(loaded, input)];
  }));
}`;

const bundle = { text: '' };

beforeAll(async () => {
  const built = await build({
    stdin: { contents: PROGRAM, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    globalName: 'engine',
    platform: 'browser',
    target: 'es2024',
    logLevel: 'silent',
  });
  bundle.text = built.outputFiles[0]?.text ?? '';
});

function line(hour: number, method: string, path: string, isManaged: boolean): string {
  const principal = { type: 'User', id: 'https://id.test#alice' };
  return JSON.stringify({
    v: 1,
    atMs: Date.UTC(2026, 0, 5, hour),
    service: 'payments',
    request: { method, path, host: 'payments.demo.test' },
    parties: [{ kind: 'user', principal }],
    context: {
      network: { sourceIp: { __extn: { fn: 'ip', arg: '10.1.2.3' } } },
      device: { id: 'd', known: true, compliant: true, managed: isManaged, posture: 'compliant' },
    },
    entities: [{ uid: principal, attrs: { issuer: 'https://id.test', subject: 'alice' }, parents: [] }],
  });
}

const LINES = [9, 16, 17].flatMap((hour) => [
  line(hour, 'POST', '/refunds', true),
  line(hour, 'POST', '/refunds', false),
  line(hour, 'GET', '/balance', true),
]);

function recorded(text: string): RecordedInput {
  const parsed = parseRecordedInput(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

describe('in a browser', () => {
  test('the engine decides and explains as it does in Node', () => {
    const loaded = loadRelease(release);
    if (!loaded.ok) throw new Error(loaded.reason);
    const here = LINES.map((text) => {
      const input = inputOf(loaded.value, recorded(text));
      if (!input.ok) throw new Error(input.reason);
      return [decide(loaded.value, input.value), explainDecision(loaded.value, input.value)];
    });
    const realm = createContext({ TextEncoder, TextDecoder }, { codeGeneration: { strings: false, wasm: false } });
    runInContext(bundle.text, realm);
    Object.assign(realm, {
      bytes: [...formatRelease(release)],
      lines: LINES.map((text) => formatRecordedInput(recorded(text))),
    });
    const there: unknown = JSON.parse(runInContext('engine.answer(bytes, lines)', realm));
    expect(there).toEqual(JSON.parse(JSON.stringify(here)));
    expect(here.map(([decision]) => decision?.outcome)).toEqual([
      'allow',
      'deny',
      'allow',
      'allow',
      'deny',
      'allow',
      'deny',
      'deny',
      'allow',
    ]);
  });

  test('the realm of this test does refuse code from strings', () => {
    const realm = createContext({}, { codeGeneration: { strings: false, wasm: false } });
    expect(() => runInContext('new Function("return 1")()', realm)).toThrow(/Code generation from strings disallowed/);
  });
});
