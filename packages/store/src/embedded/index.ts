export { createMemoryObjects } from './memory_objects.ts';
export { createMemoryTable } from './memory_table.ts';
export { openSqliteObjects, type SqliteObjects } from './sqlite_objects.ts';
export { openSqliteTable, type SqliteTable } from './sqlite_table.ts';
