/** What a relationship needs is said by the names of its options, before anything is sent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestControlPlane, type TestControlPlane } from '../testing/local_control_plane.ts';

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startTestControlPlane();
});
afterAll(() => plane.stop());

const CREATE = 'federation create other.test --endpoint https://postern.other.test/v1/trust-bundle';
const run = (line: string) => plane.runHere(line.split(' '));

describe('federation create', () => {
  test.each([
    ['https_spiffe without both', '--profile https_spiffe', 'https_spiffe needs both'],
    ['https_spiffe without a bundle', '--profile https_spiffe --endpoint-id spiffe://other.test/b', 'needs both'],
    ['https_spiffe without an endpoint id', '--profile https_spiffe --bundle other.json', 'needs both'],
    ['https_web with a bundle', '--bundle other.json', 'go with --profile https_spiffe'],
    ['https_web with an endpoint id', '--endpoint-id spiffe://other.test/b', 'go with --profile https_spiffe'],
  ])('refuses %s', async (_, words, said) => {
    expect(await run(`${CREATE} ${words}`)).toMatchObject({ code: 2, err: expect.stringContaining(said) });
    expect((await run('federation list')).out).not.toContain('other.test');
  });

  test('makes a relationship that the web’s authorities vouch for', async () => {
    expect(await run(CREATE)).toMatchObject({ code: 0, err: '' });
    expect((await run('federation list')).out).toContain('https_web');
  });
});
