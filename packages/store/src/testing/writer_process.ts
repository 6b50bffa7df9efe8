/** A process for tests that end it: writes items and objects without pause, many at once, and says on its output which were answered. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { openSqliteObjects, openSqliteTable } from '../embedded/index.ts';

const [dir = '', round = ''] = process.argv.slice(2);
const { table } = openSqliteTable(join(dir, 'table.db'), { clock: systemClock });
const { objects } = openSqliteObjects(join(dir, 'objects.db'));
const WRITERS = 20;

async function writeOn(writer: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const name = `${round}-${writer}-${count}`;
    const put = await table.put({ pk: 'written', sk: name, attributes: { name } }, { kind: 'absent' });
    // Of a write that is refused nothing may be there.
    const again = await table.put({ pk: 'written', sk: name, attributes: { name: 'twice' } }, { kind: 'absent' });
    const stored = await objects.putIfAbsent(`written/${name}`, Buffer.from(name));
    if (!put.ok || again.ok || !stored.ok) throw new Error(`${name} was answered wrongly`);
    writeSync(1, `${name}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeOn(writer)));
