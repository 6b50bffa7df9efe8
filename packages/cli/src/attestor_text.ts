/** Attestor instances, for people. */
import type { AttestorAnswer } from '@postern/api';
import { formatFields, formatTime, type Paint } from './terminal_text.ts';

export function formatAttestor(paint: Paint, attestor: AttestorAnswer): string {
  const { name, kind, makes, createdAtMs, ...settings } = attestor;
  return formatFields(paint, [
    ['name', name],
    ['kind', kind],
    ['makes', makes],
    ...Object.entries(settings).map(([setting, value]): [string, unknown] => [setting, textOf(value)]),
    ['created', createdAtMs === undefined ? undefined : formatTime(createdAtMs)],
  ]);
}

const textOf = (value: unknown): unknown => (typeof value === 'object' ? JSON.stringify(value) : value);
