export * from './release.ts';
export * from './world.ts';
