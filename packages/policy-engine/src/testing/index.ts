export { assertInTime, type Runs } from './assert_in_time.ts';
export { loadedFrom, PAYMENTS_FILES, type ReleaseOptions, releaseFrom } from './release_builder.ts';
