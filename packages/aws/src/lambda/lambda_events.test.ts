/** Events as AWS itself writes them down: those of its Go library's tests, of every service that calls functions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { readHttpEvent } from './http_event.ts';

/** The calls among them, with the principal where IAM let them in. */
const CALLS: { readonly [file: string]: string | undefined } = {
  // Its account has ten digits, and so is nobody's.
  'apigw-v2-request-iam.json': undefined,
  'apigw-v2-request-jwt-authorizer.json': undefined,
  'apigw-v2-request-lambda-authorizer.json': undefined,
  'apigw-v2-request-no-authorizer.json': undefined,
  'lambda-urls-request.json': 'arn:aws:iam::111122223333:user/example-user',
};
/** Not JSON, on purpose. */
const BROKEN = 'dynamodb-event-malformed.2.json';

describeWithTool('the events of AWS’s Go library', ['lambda-events'], ({ 'lambda-events': folder }) => {
  const read = (file: string) => readHttpEvent(JSON.parse(readFileSync(join(folder, file), 'utf8')));

  test('are calls, or told apart from them', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== BROKEN);
    expect(files).toHaveLength(103);
    const outcomes = files.map((file) => [file, read(file)] as const);
    const calls = outcomes.flatMap(([file, call]) => (call.ok ? [[file, call.value.principal]] : []));
    expect(Object.fromEntries(calls)).toEqual(CALLS);
    const reasons = outcomes.flatMap(([, call]) => (call.ok ? [] : [call.reason]));
    expect(new Set(reasons)).toEqual(new Set(['event-not-http']));
  });

  test('to a function URL has all that was sent', () => {
    expect(read('lambda-urls-request.json')).toEqual({
      ok: true,
      value: {
        method: 'POST',
        target: '/my/path?parameter1=value1&parameter1=value2&parameter2=value',
        headers: [
          ['header1', 'value1'],
          ['header2', 'value1,value2'],
          ['cookie', 'cookie1; cookie2'],
        ],
        body: Buffer.from('Hello from client!'),
        principal: 'arn:aws:iam::111122223333:user/example-user',
      },
    });
  });
});
