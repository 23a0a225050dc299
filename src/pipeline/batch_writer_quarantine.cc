// The part of BatchWriter that judges records, where the plan has rules.
//
// Runs of records that are judged alike go to the batch, or to the batch of its quarantine, which is written
// as any other. For example, a span of `{}`, `{}`, `{`, `{}` makes three runs. The first two records and the
// last one become lines of the batch. The third becomes a row of the quarantine, and the share of the batch
// moves over its position. Where a run finds no room, or the batch is full, the rest of the span is offered
// again, and judged again.
#include <algorithm>

#include "codec/checksum.h"
#include "format/quarantine.h"
#include "format/record_schema.h"
#include "format/split_row.h"
#include "pipeline/batch_writer.h"

namespace penstock::pipeline {

BatchWriter::Taken BatchWriter::append_judged(const BatchPtr& batch, Share& share,
                                              std::span<const RecordView> records) {
  const format::RowContext context = context_of(*batch, share.partition);
  Taken taken;
  while (taken.records < records.size() && taken.stop == Taken::Stop::end) {
    const std::span<const RecordView> rest = records.subspan(taken.records);
    const format::JudgedRun run = format::judge_front(batch->plan->rules, rest, json_);
    const Taken more = run.fault ? append_quarantine(batch, share, rest.first(run.records), *run.fault)
                                 : append_rows(batch, context, share, rest.first(run.records));
    taken.records += more.records;
    taken.empty += more.empty;
    taken.value_bytes += more.value_bytes;
    taken.stop = more.stop;
  }
  return taken;
}

// The batch beside has rows and no positions: those are all told by the batch itself.
BatchWriter::Taken BatchWriter::append_quarantine(const BatchPtr& batch, Share& share,
                                                  std::span<const RecordView> records,
                                                  QuarantineReason reason) {
  BatchQuarantine& quarantine = batch->quarantine;
  format::RowContext context = context_of(*quarantine.batch->plan, share.partition);
  context.reason = to_string(reason);
  const Position begin{records.front().offset.value};
  Share rows{.partition = share.partition, .range = {begin, begin}, .chunked = begin};
  const Taken taken = append_rows(quarantine.batch, context, rows, records);
  if (taken.records > 0) {
    quarantine.records[static_cast<std::size_t>(reason)] += taken.records;
    if (!quarantine.first) {
      quarantine.first = {share.partition, records.front().offset, reason};
    }
    move_share(batch->cut, share, after(records[taken.records - 1].offset), taken.records);
  }
  return taken;
}

bool BatchWriter::awaits_schema(const TopicPlan& plan, const Batch* open, const RecordView& record) {
  format::RowContext context = context_of(plan, {});
  context.columns = open != nullptr ? open->cut.filling.columns.get() : nullptr;
  return format::awaits_schema(context, record) &&
         !(plan.rules.any() && format::fault_of(plan.rules, record, json_));
}

void BatchWriter::ask_for_schemas(const TopicPlan& plan, std::span<const RecordView> records) {
  format::ask_for_schemas(context_of(plan, {}), records);
}

// Nearly always the bound is enough to tell.
bool BatchWriter::can_ever_take(const Batch& batch, Partition partition, const RecordView& record) {
  const format::RecordRules& rules = batch.plan->rules;
  const auto fault = rules.any() ? format::fault_of(rules, record, json_) : std::nullopt;
  const Batch& goes_to = fault ? *batch.quarantine.batch : batch;
  format::RowContext context = context_of(*goes_to.plan, partition);
  context.reason = fault ? to_string(*fault) : std::string_view();
  return fits_with_all_free(goes_to, format::row_bytes_max(context, record)) ||
         fits_with_all_free(goes_to, format::SplitRow(context, record).bytes_left());
}

// Its rows are not encoded, so this takes no slab: see can_end().
void BatchWriter::seal_quarantine(const BatchPtr& batch) {
  BatchPtr& beside = batch->quarantine.batch;
  if (!beside || beside->cut.records == 0) {
    beside.reset();
    return;
  }
  seal(beside);
  BatchCut& cut = batch->cut;
  cut.oldest_timestamp_ms = format::older(cut.oldest_timestamp_ms, beside->cut.oldest_timestamp_ms);
  if (cut.chunks.size() == 0) {
    cut.empty_file = format::empty_file(batch->plan->format, batch->plan->shredded.get());
    cut.payload_bytes = cut.empty_file.size();
    cut.checksum = codec::crc32c(cut.empty_file);
  }
}

}  // namespace penstock::pipeline
