export { loadedFrom, PAYMENTS_FILES, type ReleaseOptions, releaseFrom } from './release_builder.ts';
