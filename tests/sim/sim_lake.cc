#include "sim/sim_lake.h"

#include <algorithm>
#include <utility>

#include "unit/lake/service_limits.h"

namespace penstock::sim {
namespace {

constexpr std::size_t k_page = 7;  // small, so that listings take several

}  // namespace

bool is_tombstone(const Metadata& metadata) {
  return std::find(metadata.begin(), metadata.end(), Metadata::value_type("tombstone", "1")) !=
         metadata.end();
}

Error store_error(ErrorKind kind, Action action) {
  return {.kind = kind, .action = action, .message = to_string(kind), .code = {}, .retry_after = {}};
}

Result<void> SimLake::put_block(const std::string& name, std::uint32_t index, std::string bytes) {
  blocks_[name][index] = std::move(bytes);
  return {};
}

Result<void> SimLake::create(const std::string& name, std::string bytes, const Metadata& metadata) {
  if (!lake::refusal_of_metadata(metadata).empty()) {
    return store_error(ErrorKind::invalid_input, Action::fatal);
  }
  if (blobs_.contains(name) && creation_ == Creation::conditional) {
    return store_error(ErrorKind::already_exists, Action::give_up);
  }
  blocks_.erase(name);
  if (sabotage_ == Sabotage::lake_forgets && random_.chance(0.1)) {
    return {};
  }
  if (sabotage_ == Sabotage::lake_alters && !bytes.empty() && random_.chance(0.1)) {
    bytes[random_.below(bytes.size())] ^= 1;
  }
  SimBlob& blob = blobs_[name];
  blob = {.bytes = std::move(bytes), .metadata = metadata};
  on_created(name, blob);
  return {};
}

// Which of the two conditions is looked at first is not documented.
Result<void> SimLake::commit_blocks(const std::string& name, std::span<const lake::BlockRef> blocks,
                                    const Metadata& metadata) {
  if (blobs_.contains(name) && creation_ == Creation::conditional && random_.chance(0.5)) {
    return store_error(ErrorKind::already_exists, Action::give_up);
  }
  std::string bytes;
  const auto stored = blocks_.find(name);
  for (const lake::BlockRef& block : blocks) {
    if (stored == blocks_.end() || !stored->second.contains(block.index)) {
      return store_error(ErrorKind::invalid_block_list, Action::give_up);
    }
    bytes += stored->second.at(block.index);
  }
  return create(name, std::move(bytes), metadata);
}

Result<void> SimLake::put_blob(const std::string& name, std::string bytes, const Metadata& metadata) {
  if (uncommitted_ == UncommittedBlocks::take_the_name && blocks_.contains(name) &&
      creation_ == Creation::conditional) {
    return store_error(ErrorKind::already_exists, Action::give_up);
  }
  return create(name, std::move(bytes), metadata);
}

Result<std::string> SimLake::read(const std::string& name, std::uint64_t offset, std::uint64_t bytes) const {
  const auto blob = blobs_.find(name);
  if (blob == blobs_.end()) {
    return store_error(ErrorKind::not_found, Action::give_up);
  }
  const std::string& all = blob->second.bytes;
  return all.substr(std::min<std::size_t>(offset, all.size()), bytes);
}

Result<lake::BlobProperties> SimLake::properties(const std::string& name) const {
  const auto blob = blobs_.find(name);
  if (blob == blobs_.end()) {
    return store_error(ErrorKind::not_found, Action::give_up);
  }
  return lake::BlobProperties{.bytes = blob->second.bytes.size(), .metadata = blob->second.metadata};
}

lake::BlobPage SimLake::list(const std::string& prefix, const std::string& marker) const {
  lake::BlobPage page;
  for (auto blob = blobs_.lower_bound(std::max(prefix, marker)); blob != blobs_.end(); ++blob) {
    if (!blob->first.starts_with(prefix)) {
      break;
    }
    if (page.blobs.size() == k_page) {
      page.next_marker = blob->first;
      break;
    }
    page.blobs.push_back(
        {.name = blob->first,
         .properties = {.bytes = blob->second.bytes.size(), .metadata = blob->second.metadata}});
  }
  return page;
}

}  // namespace penstock::sim
