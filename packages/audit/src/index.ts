export { hashLeaf, inclusionProof, rootOf, verifyInclusion } from './merkle.ts';
export { BATCH_WINDOW_MS, createProducer, type Producer, type SegmentSink } from './producer.ts';
export { certifyProducer, type ProducerCertificate, verifyProducerCertificate } from './producer_certificate.ts';
export {
  type AuditRecord,
  boundRecord,
  type DecisionRecord,
  type IssuanceRecord,
  type RecordBody,
  type RecordHeader,
  type RecordKind,
} from './record.ts';
export { findRecord, listRecords, type RecordPage, type RecordQuery } from './record_index.ts';
export { digestOfSegment, MAX_SEGMENT_BYTES, SEGMENT_TYPE, type Segment, type SegmentReason, verifySegment } from './segment.ts';
export { createSpool, type Spool } from './spool.ts';
export { createTrail, type IngestReason, type ProducerHead, type Trail, type TrailEntry } from './trail.ts';
export { type Finding, type FindingKind, type TrailExport, type TrailReport, verifyTrail } from './verify_trail.ts';
