import { createProblem } from '@postern/api';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { httpEvent, signedContext } from '../testing/http_event.ts';
import type { RenderedAnswer } from './http_answer.ts';
import { type LogLine, logToStdout } from './log.ts';
import { serveLambda, TICK_EVENT } from './serve_lambda.ts';
import type { HttpCall, ServedFunction } from './served_function.ts';

const scheduled = { version: '0', source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} };
const secret = 'hunter2 Bearer eyJ';

let lines: LogLine[];
let calls: HttpCall[];
beforeEach(() => {
  [lines, calls] = [[], []];
});
afterEach(() => vi.useRealTimers());

const served = (members: Partial<ServedFunction> = {}): ServedFunction => ({
  async answer(call) {
    calls.push(call);
    return { status: 200, headers: [], body: 'done' };
  },
  async settle() {},
  ...members,
});
const serve = (open: () => Promise<ServedFunction>) => serveLambda({ open, log: (line) => void lines.push(line) });
const serveThe = (members: Partial<ServedFunction> = {}) => serve(async () => served(members));
const fail = async () => {
  throw new Error(secret, { cause: new RangeError('the cause') });
};
const events = () => lines.map(({ event }) => event);

/** 503, and not a word of why. */
function expectUnavailable(answer: unknown): void {
  const { statusCode, headers, body } = answer as RenderedAnswer;
  expect({ statusCode, ...headers }).toEqual({
    statusCode: 503,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'retry-after': '5',
  });
  expect(JSON.parse(body)).toEqual(createProblem('unavailable'));
}

describe('a call', () => {
  test('is answered by the function, which learns who signed it', async () => {
    const requestContext = signedContext('arn:aws:iam::123456789012:user/ann');
    const answer = await serveThe()(httpEvent({ requestContext }));
    expect(answer).toEqual({ statusCode: 200, headers: {}, body: 'done', isBase64Encoded: false });
    expect(calls).toMatchObject([{ target: '/a', principal: 'arn:aws:iam::123456789012:user/ann' }]);
    expect(lines).toEqual([]);
  });

  test('that is malformed never reaches the function', async () => {
    const answer = (await serveThe()(httpEvent({ rawPath: '/a?b' }))) as RenderedAnswer;
    expect(answer.statusCode).toBe(400);
    expect(JSON.parse(answer.body)).toEqual(createProblem('malformed-request'));
    expect(calls).toEqual([]);
    expect(events()).toEqual(['event-malformed']);
  });

  test('that is malformed gets nothing but a denial where a proxy hands the status on', async () => {
    const handler = serveLambda({
      open: async () => served(),
      log: (line) => void lines.push(line),
      isAskedByProxies: true,
    });
    const answer = (await handler(httpEvent({ rawPath: '/a?b' }))) as RenderedAnswer;
    expect(answer.statusCode).toBe(403);
    expect(JSON.parse(answer.body)).toEqual(createProblem('not-permitted'));
    expect(calls).toEqual([]);
  });

  test.each([
    ['a fault', { answer: fail }],
    ['a fault before any promise', { answer: () => fail() as never }],
    ['an answer that is none', { answer: async () => ({ status: 99, headers: [], body: '' }) }],
  ])('that meets %s is told to come again, and nothing else', async (_what, members) => {
    const answer = await serveThe(members)(httpEvent());
    expectUnavailable(answer);
    expect(JSON.stringify(answer)).not.toContain(secret);
    expect(events()).toEqual(['call-failed']);
  });
});

describe('an opening', () => {
  test('begins before the first event, and is one for all', async () => {
    const open = vi.fn(async () => served());
    const handle = serve(open);
    expect(open).toHaveBeenCalledTimes(1);
    await Promise.all([handle(httpEvent()), handle(httpEvent())]);
    expect(open).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['rejects', fail],
    [
      'throws',
      () => {
        throw new Error('at once');
      },
    ],
  ])(
    'that %s takes the process down with it never, is told, and made again by the next event',
    async (_how, failing) => {
      const open = vi.fn<() => Promise<ServedFunction>>(failing);
      const handle = serve(open);
      // An unhandled rejection would fail this run.
      await new Promise((resolve) => setImmediate(resolve));
      expect(events()).toEqual(['open-failed']);
      expectUnavailable(await handle(httpEvent()));
      open.mockResolvedValue(served());
      expect(await handle(httpEvent())).toMatchObject({ statusCode: 200 });
      await handle(httpEvent());
      expect(open).toHaveBeenCalledTimes(3);
    },
  );

  test('that fails fails scheduled work, so that the platform tries again', async () => {
    await expect(serve(fail)(TICK_EVENT)).rejects.toThrow();
  });
});

describe('scheduled work', () => {
  test.each([
    ['as the deployment sends it', TICK_EVENT],
    ['as a rule sends it', scheduled],
  ])('%s is done', async (_how, event) => {
    const tick = vi.fn(async () => {});
    await serveThe({ tick })(event);
    expect(tick).toHaveBeenCalledTimes(1);
    expect(calls).toEqual([]);
  });

  test('that fails is thrown, so that the platform tries again', async () => {
    await expect(serveThe({ tick: fail })(TICK_EVENT)).rejects.toThrow(secret);
    expect(events()).toEqual(['tick-failed']);
  });

  test('of a function that has none is no success', async () => {
    await expect(serveThe()(TICK_EVENT)).rejects.toThrow(TypeError);
  });

  test('is not what somebody calls it over HTTP', async () => {
    const tick = vi.fn(async () => {});
    await serveThe({ tick })(httpEvent({ postern: 'tick', source: 'aws.events' }));
    expect(tick).not.toHaveBeenCalled();
  });
});

test.each([[undefined], [null], [[]], [{}], ['tick'], [{ postern: 'tock' }], [{ source: 'aws.s3' }]])(
  'an event that nobody should send (%o) is thrown back',
  async (event) => {
    const tick = vi.fn(async () => {});
    await expect(serveThe({ tick })(event)).rejects.toThrow(TypeError);
    expect(tick).not.toHaveBeenCalled();
  },
);

describe('what was left under way', () => {
  const order: string[] = [];
  const settle = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push('settled');
  };

  test.each([
    ['an answer', { settle }, httpEvent()],
    ['a fault', { settle, answer: fail }, httpEvent()],
    ['scheduled work', { settle, tick: async () => {} }, TICK_EVENT],
    ['scheduled work that failed', { settle, tick: fail }, TICK_EVENT],
  ])('is done before %s is handed over and the instance is frozen', async (_what, members, event) => {
    order.length = 0;
    await serveThe(members)(event)
      .catch(() => undefined)
      .then(() => order.push('answered'));
    expect(order).toEqual(['settled', 'answered']);
  });

  test('and does not end holds up the answer for 5 s, not for ever', async () => {
    vi.useFakeTimers();
    const answer = serveThe({ settle: () => new Promise(() => {}) })(httpEvent());
    await vi.advanceTimersByTimeAsync(4_900);
    expect(lines).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(await answer).toMatchObject({ statusCode: 200 });
    expect(events()).toEqual(['settle-failed']);
  });

  test('and fails does not take the answer back', async () => {
    expect(await serveThe({ settle: fail })(httpEvent())).toMatchObject({ statusCode: 200, body: 'done' });
    expect(events()).toEqual(['settle-failed']);
  });
});

describe('a line of the log', () => {
  test('names the invocation, the fault and its cause, and no stack', async () => {
    await serveThe({ answer: fail })(httpEvent(), { awsRequestId: 'id-1' });
    expect(lines).toEqual([
      {
        level: 'error',
        event: 'call-failed',
        requestId: 'id-1',
        error: 'Error',
        message: `${secret} (RangeError: the cause)`,
      },
    ]);
  });

  test('has an end, whatever is thrown', async () => {
    for (const thrown of [new Error('x'.repeat(10_000)), 'a text', undefined, { message: secret }]) {
      await serveThe({ answer: () => Promise.reject(thrown) })(httpEvent());
    }
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(700);
    expect(JSON.stringify(lines.slice(1))).not.toContain(secret);
  });

  test('holds nothing of the call', async () => {
    const members = { headers: { authorization: secret }, body: secret, rawQueryString: 'token=hunter2' };
    await serveThe({ answer: () => Promise.reject(new Error('a fault')) })(httpEvent(members));
    await serveThe()(httpEvent({ ...members, rawPath: '/hunter2?' }));
    expect(events()).toEqual(['call-failed', 'event-malformed']);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  test('is one line of JSON on standard output', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    logToStdout({ level: 'error', event: 'a', message: 'two\nlines' });
    const written = write.mock.calls.map(([text]) => text);
    write.mockRestore();
    expect(written).toEqual(['{"level":"error","event":"a","message":"two\\nlines"}\n']);
  });
});
