#include "appliance/check_sink.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include "appliance/check_positions.h"
#include "appliance/check_sink_chain.h"
#include "appliance/left_as_found.h"
#include "appliance/startup.h"
#include "appliance/wiring_store.h"
#include "base/clock.h"
#include "base/concat.h"
#include "io/loop.h"
#include "lake/directory_publication.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_sink_wait = std::chrono::seconds(20);

// Of the sink, in search of one that this group has written.
constexpr std::size_t k_files_looked_at_max = 500;

// One page, of names that hardly anything has: the right to list is the same for all.
Result<void> try_to_list(lake::BlobStore& store, io::Loop& loop) {
  std::optional<Result<void>> answer;
  store.list("_penstock/", "",
             [&answer](Result<lake::BlobPage> page) { answer = page.ok() ? Result<void>() : page.error(); });
  const MonoTime deadline = system_clock().now() + k_sink_wait;
  while (!answer && system_clock().now() < deadline) {
    loop.run_once(std::chrono::milliseconds(100));
  }
  return answer ? *answer
                : make_error(ErrorKind::timed_out, Action::retry,
                             concat(store.description(), " did not answer in time"));
}

// Only the first files are looked at.
void look_for_files_of(const std::string& group, lake::BlobStore& store, io::Loop& loop,
                       std::vector<CheckRow>& rows) {
  const Error enough = make_error(ErrorKind::canceled, Action::give_up, "");
  std::size_t looked_at = 0;
  static_cast<void>(verify::LakeReader(store, loop, system_clock()).each([&](const verify::BlobFacts& blob) {
    const bool is_ours = blob.kind == verify::BlobFacts::Kind::data && blob.metadata.group == group;
    if (is_ours) {
      rows.push_back(positions_gone(group, blob.name));
    }
    return is_ours || ++looked_at == k_files_looked_at_max ? Result<void>(enough) : Result<void>();
  }));
}

}  // namespace

std::vector<CheckRow> check_sink(const config::Settings& settings, bool group_has_no_position) {
  if (settings.sink.kind == config::SinkKind::azure) {
    return walk_to_store(settings, group_has_no_position);
  }
  const LeftAsFound guard(settings.sink.kind == config::SinkKind::directory
                              ? lake::working_directory(settings.sink.directory)
                              : "");
  const std::atomic<bool> stop{false};
  if (const Result<void> answer = probe_store_once(settings, k_sink_wait, stop); !answer.ok()) {
    return {{.name = "sink", .severity = CheckSeverity::fault, .text = answer.error().message}};
  }
  std::vector<CheckRow> rows{{.name = "sink",
                              .severity = CheckSeverity::ok,
                              .text = concat(settings.sink.url, ": writing and listing are allowed")}};
  const Result<LoneStore> sink = make_lone_store(settings, StoreUse::read);
  const Result<void> listed = sink.ok() ? try_to_list(*sink->store, *sink->loop) : sink.error();
  if (!listed.ok()) {
    rows.front().severity = CheckSeverity::warning;
    rows.front().text =
        concat(settings.sink.url,
               ": writing is allowed, and listing is not. The service runs without, and penstock "
               "verify does not: ",
               listed.error().message);
  } else if (group_has_no_position) {
    look_for_files_of(settings.source.group, *sink->store, *sink->loop, rows);
  }
  return rows;
}

}  // namespace penstock::appliance
