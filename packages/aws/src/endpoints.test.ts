import { systemClock } from '@postern/store';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { findEndpointOverride, findRegion, regionalEndpoint } from './endpoints.ts';
import { openAwsPorts } from './index.ts';
import { CLIENT_SETS } from './testing/client_sets.ts';
import { startScriptedServer } from './testing/scripted_server.ts';

describe('AWS’s own endpoints', () => {
  test.each([
    ['dynamodb', 'eu-central-1', {}, 'https://dynamodb.eu-central-1.amazonaws.com'],
    ['kms', 'us-gov-west-1', {}, 'https://kms.us-gov-west-1.amazonaws.com'],
    ['s3', 'cn-north-1', {}, 'https://s3.cn-north-1.amazonaws.com.cn'],
    ['secretsmanager', 'us-east-1', {}, 'https://secretsmanager.us-east-1.amazonaws.com'],
    ['kms', 'us-east-1', { AWS_USE_FIPS_ENDPOINT: 'true' }, 'https://kms-fips.us-east-1.amazonaws.com'],
    ['kms', 'us-east-1', { AWS_USE_FIPS_ENDPOINT: 'false' }, 'https://kms.us-east-1.amazonaws.com'],
  ] as const)('%s in %s is found (%o)', (service, region, environment, endpoint) => {
    expect(regionalEndpoint(service, region, environment)).toBe(endpoint);
  });

  test.each(['', 'us-east-1.evil.example/', 'us east', 'US-EAST-1', 'a#'])(
    '`%s` is no Region, and leads nowhere',
    (region) => {
      expect(() => regionalEndpoint('kms', region, {})).toThrow(TypeError);
    },
  );
});

test('the Region is Lambda’s variable, then the command line’s, and an empty one is none', () => {
  expect(findRegion({ AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' })).toBe('a');
  expect(findRegion({ AWS_REGION: '', AWS_DEFAULT_REGION: 'b' })).toBe('b');
  expect(findRegion({})).toBeUndefined();
});

test('a service’s own variable comes before the one for all', () => {
  const environment = {
    AWS_ENDPOINT_URL: 'http://all',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://one',
    AWS_ENDPOINT_URL_S3: '',
  };
  expect(findEndpointOverride('secretsmanager', environment)).toBe('http://one');
  expect(findEndpointOverride('s3', environment)).toBe('http://all');
  expect(findEndpointOverride('kms', {})).toBeUndefined();
});

describe.each(CLIENT_SETS)('the %s clients', (_set, createClients) => {
  afterEach(() => vi.unstubAllEnvs());

  test('go where the environment says, with its credentials, and name the bucket in the path there', async () => {
    const server = await startScriptedServer();
    vi.stubEnv('AWS_ENDPOINT_URL', server.endpoint);
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', 'eu-west-3');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAFIRST');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_SESSION_TOKEN', 'token');
    const clients = createClients();
    const config = {
      table: 't',
      bucket: 'b',
      signers: { jwt: 'k' },
      macs: {},
      secrets: { s: 's' },
      clock: systemClock,
    };
    const ports = openAwsPorts(config, clients);
    server.answer({ status: 400, body: {} });
    const calls = [
      ports.table.get({ pk: 'a', sk: 'b' }),
      ports.objects.get('folder/a'),
      ports.keys.signer('jwt'),
      ports.secret('s'),
    ];
    await Promise.allSettled(calls);
    const requests = server.requests();
    expect(requests.map(({ url }) => url.split('?')[0]).toSorted()).toEqual(['/', '/', '/', '/b/folder/a']);
    for (const { headers } of requests) {
      expect(headers.authorization).toMatch(
        /Credential=AKIAFIRST\/\d{8}\/eu-west-3\/(dynamodb|s3|kms|secretsmanager)\//,
      );
      expect(headers['x-amz-security-token']).toBe('token');
    }
    clients.close();
    server.stop();
  });
});
