export { openFolderObjects } from './folder_objects.ts';
export { createMemoryObjects } from './memory_objects.ts';
export { createMemoryTable } from './memory_table.ts';
export { openSqliteTable, type SqliteTable } from './sqlite_table.ts';
