#include "appliance/last_files.h"

#include <map>
#include <string>
#include <utility>

#include "appliance/tokens.h"
#include "appliance/wiring_store.h"
#include "base/clock.h"
#include "verify/blob_facts.h"
#include "verify/judge.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

struct LastFile {
  Position next{};
  std::string name;
};

// Empty ids are known of nobody, and agree with any.
bool may_be_of(const std::string& topic_id, const std::string& other) {
  return topic_id.empty() || other.empty() || topic_id == other;
}

std::map<TopicPartition, std::string> topic_ids_of(const std::vector<OffsetRow>& rows) {
  verify::ClusterView view;
  for (const OffsetRow& row : rows) {
    view[row.id].after = row.entry;
  }
  return verify::topic_ids(view);
}

}  // namespace

Result<void> find_last_files(const config::Settings& settings, std::vector<OffsetRow>& rows) {
  const Result<Tokens> tokens = Tokens::open_and_await(settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  const Result<LoneStore> sink = make_lone_store(settings, StoreUse::read);
  if (!sink.ok()) {
    return sink.error();
  }
  const std::map<TopicPartition, std::string> topic_ids = topic_ids_of(rows);
  std::map<TopicPartition, LastFile> last;
  for (const OffsetRow& row : rows) {
    last.try_emplace(row.id);
  }
  verify::LakeReader lake(*sink->store, *sink->loop, system_clock());
  Result<void> read = lake.each([&](const verify::BlobFacts& facts) -> Result<void> {
    if (facts.kind != verify::BlobFacts::Kind::data || facts.metadata.group != settings.source.group) {
      return {};
    }
    for (const PartitionRange& range : facts.metadata.ranges) {
      const TopicPartition id{facts.metadata.topic, range.partition};
      const auto found = last.find(id);
      const auto topic_id = topic_ids.find(id);
      if (found != last.end() && range.range.next > found->second.next &&
          may_be_of(topic_id == topic_ids.end() ? std::string() : topic_id->second,
                    facts.metadata.topic_id)) {
        found->second = {.next = range.range.next, .name = facts.name};
      }
    }
    return {};
  });
  for (OffsetRow& row : rows) {
    row.last_file = last.at(row.id).name;
  }
  return read;
}

}  // namespace penstock::appliance
