import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseCollectorUrl, parseOwnPlace } from './option_values.ts';

describe('metrics are served to this machine alone', () => {
  test.each(['0.0.0.0:9464', '192.0.2.1:9464', '[::]:9464', 'localhost:9464', '128.0.0.1:1', '9464', '127.0.0.1'])(
    'not at %s',
    (text) => {
      expect(() => parseOwnPlace(text)).toThrow(InvalidArgumentError);
    },
  );

  test.each([
    ['127.0.0.1:9464', { address: '127.0.0.1', port: 9464 }],
    ['[::1]:0', { address: '::1', port: 0 }],
    ['./metrics.sock', { path: './metrics.sock' }],
  ])('at %s', (text, place) => {
    expect(parseOwnPlace(text)).toEqual(place);
  });
});

describe('spans leave this machine with TLS alone', () => {
  test.each([
    'http://192.0.2.1:4318',
    'http://collector.demo.test',
    'http://127.0.0.1.evil.example:4318',
    'http://user:password@127.0.0.1:4318',
    'http://127.0.0.1:4318/v1/traces',
    'ftp://127.0.0.1',
    '127.0.0.1:4318',
    '',
  ])('not to %s', (text) => {
    expect(() => parseCollectorUrl(text)).toThrow(InvalidArgumentError);
  });

  test.each([
    ['http://127.0.0.1:4318', 'http://127.0.0.1:4318'],
    ['http://localhost:4318/', 'http://localhost:4318'],
    ['http://[::1]:4318', 'http://[::1]:4318'],
    ['https://collector.demo.test', 'https://collector.demo.test'],
  ])('to %s', (text, url) => {
    expect(parseCollectorUrl(text)).toBe(url);
  });
});
