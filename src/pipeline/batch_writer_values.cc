// The part of BatchWriter for what becomes of values: what a framer is told, and what is counted of them.
#include <memory>

#include "format/file_columns.h"
#include "format/shredded_values.h"
#include "pipeline/batch_writer.h"

namespace penstock::pipeline {

void BatchWriter::count_undecoded(std::string_view topic, Partition partition, std::size_t values) {
  if (values > 0) {
    metrics_.undecoded_values.add(values);
    undecoded_.topic = topic;
    undecoded_.partition = partition;
  }
}

void BatchWriter::count_conflicts(std::string_view topic, Partition partition, std::size_t values) {
  if (values > 0) {
    metrics_.schema_conflicts.add(values);
    in_conflict_.topic = topic;
    in_conflict_.partition = partition;
  }
}

format::RowContext BatchWriter::context_of(Batch& batch, Partition partition) {
  const TopicPlan& plan = *batch.plan;
  if (plan.shredded && plan.shredded->topic && !batch.cut.filling.columns) {
    batch.cut.filling.columns =
        std::make_shared<format::FileColumns>(plan.shredded->topic, encoders_.schemas());
  }
  format::RowContext context = context_of(plan, partition);
  context.columns = batch.cut.filling.columns.get();
  return context;
}

format::RowContext BatchWriter::context_of(const TopicPlan& plan, Partition partition) {
  return {.rows = plan.format.rows,
          .topic = plan.topic,
          .partition = partition,
          .fields = plan.envelope_fields,
          .json = &json_,
          .decoding = plan.decoding.get(),
          .schemas = options_.schemas,
          .compression = plan.format.compression,
          .shredded = plan.shredded.get()};
}

}  // namespace penstock::pipeline
