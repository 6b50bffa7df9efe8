import type { EntryReason } from '@postern/ca';
import { refuse } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import { expect, test } from 'vitest';
import { refusedEntry } from './entry_refusal.ts';

const refused = (reason: EntryReason | 'entry-exists', detail?: string) =>
  refusedEntry(refuse(reason, detail), 'prod.example.org' as TrustDomain);

test('whoever is refused an entry is told of their own trust domain, and not of the example’s', () => {
  for (const reason of ['entry-spiffe-id', 'entry-trust-domain', 'entry-path-missing', 'entry-parent'] as const) {
    const { members } = refused(reason);
    expect(members?.['advice']).toContain('spiffe://prod.example.org/');
    expect(JSON.stringify(refused(reason))).not.toContain('demo.test');
  }
});

test('the exact reason stands behind the words, and only what is there already is a conflict', () => {
  expect(refused('entry-spiffe-id', 'path-dot-segment').detail).toMatch(/ \(entry-spiffe-id path-dot-segment\)$/);
  expect(refused('entry-exists')).toMatchObject({ refused: 'conflict', reason: 'entry-exists' });
  expect(refused('entry-hint')).toMatchObject({ refused: 'malformed-request', reason: 'entry-hint' });
});
