export {
  HEARTBEAT_TYPE,
  type Heartbeat,
  type HeartbeatReason,
  MAX_HEARTBEAT_BYTES,
  verifyHeartbeat,
} from './heartbeat.ts';
export { hashLeaf, inclusionProof, rootOf, verifyInclusion } from './merkle.ts';
export { BATCH_WINDOW_MS, createProducer, type Producer, ProducerFull, type SegmentSink } from './producer.ts';
export { certifyProducer, type ProducerCertificate, verifyProducerCertificate } from './producer_certificate.ts';
export type {
  AcmeRecord,
  AuditRecord,
  DecisionRecord,
  IssuanceRecord,
  ProducerVoucher,
  RecordBody,
  RecordHeader,
  RecordKind,
} from './record.ts';
export { boundRecord, isProducerId, isRecordId, MAX_RECORD_BYTES } from './record_bounds.ts';
export { findRecord, listRecords, type RecordPage, type RecordQuery } from './record_index.ts';
export { createRefusalLedger, REFUSAL_WINDOW_MS, type Refusal, type RefusalLedger } from './refusal_ledger.ts';
export {
  digestOfSegment,
  MAX_SEGMENT_BYTES,
  SEGMENT_TYPE,
  type Segment,
  type SegmentReason,
  verifySegment,
} from './segment.ts';
export { createSpool, type Spool, SpoolFull } from './spool.ts';
export {
  createTrail,
  type IngestReason,
  type OpenReason,
  type ProducerHead,
  type Trail,
  type TrailEntry,
} from './trail.ts';
export {
  type Finding,
  type FindingKind,
  isStatement,
  type ProducerReport,
  type TrailExport,
  type TrailReport,
  verifyTrail,
} from './verify_trail.ts';
