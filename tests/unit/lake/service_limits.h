// What Azure Blob Storage takes, for the doubles of a store, which take no more than it does. Each function
// gives the sentence of a refusal. Empty: it is taken.
//
// https://learn.microsoft.com/en-us/rest/api/storageservices/
//   naming-and-referencing-containers--blobs--and-metadata, put-block, put-block-list, put-blob,
//   scalability-targets-for-blob-storage
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/concat.h"
#include "base/metadata.h"
#include "lake/blob_store.h"

namespace penstock::lake {

inline constexpr std::size_t k_service_name_bytes_max = 1024;
inline constexpr std::size_t k_service_segments_max = 254;
inline constexpr std::size_t k_service_metadata_bytes_max = 8192;
inline constexpr std::size_t k_service_blocks_max = 50'000;
inline constexpr std::uint64_t k_service_block_bytes_max = std::uint64_t{4000} << 20;
inline constexpr std::uint64_t k_service_put_blob_bytes_max = std::uint64_t{5000} << 20;

inline std::string refusal_of_name(std::string_view name) {
  if (name.empty() || name.size() > k_service_name_bytes_max) {
    return concat("a name of ", name.size(), " bytes");
  }
  if (std::ranges::count(name, '/') >= static_cast<std::ptrdiff_t>(k_service_segments_max)) {
    return concat("a name of more than ", k_service_segments_max, " segments: ", name);
  }
  if (std::ranges::any_of(
          name, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; })) {
    return "a name with a control character";
  }
  // A dot at the end of a segment is dropped, so that another name would have the blob.
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (end == begin || name[end - 1] == '.') {
      return concat("a name with a segment that is empty or ends with a dot: ", name);
    }
    begin = end + 1;
  }
  return {};
}

inline std::string refusal_of_metadata(const Metadata& metadata) {
  std::size_t bytes = 0;
  std::set<std::string> keys;
  for (const auto& [key, value] : metadata) {
    bytes += key.size() + value.size();
    const bool is_identifier = !key.empty() && std::isdigit(static_cast<unsigned char>(key[0])) == 0 &&
                               std::ranges::all_of(key, [](unsigned char byte) {
                                 return byte < 0x80 && (std::isalnum(byte) != 0 || byte == '_');
                               });
    if (!is_identifier || !keys.insert(key).second) {
      return concat("metadata with the key '", key, "', which is no identifier, or there twice");
    }
    if (std::ranges::any_of(value, [](unsigned char byte) { return byte < 0x20 || byte > 0x7e; }) ||
        value.starts_with(' ') || value.ends_with(' ')) {
      return concat("metadata whose ", key, " would not come back as it is: '", value, "'");
    }
  }
  return bytes > k_service_metadata_bytes_max ? concat("metadata of ", bytes, " bytes") : std::string();
}

inline std::string refusal_of_block(const BlockRef& block) {
  return block.bytes == 0 || block.bytes > k_service_block_bytes_max
             ? concat("a block of ", block.bytes, " bytes")
             : std::string();
}

inline std::string refusal_of_list(std::span<const BlockRef> blocks) {
  if (blocks.size() > k_service_blocks_max) {
    return concat("a list of ", blocks.size(), " blocks");
  }
  std::set<std::uint32_t> indexes;
  for (const BlockRef& block : blocks) {
    if (!indexes.insert(block.index).second) {  // it would be taken, and the bytes be there twice
      return concat("a list that names block ", block.index, " twice");
    }
  }
  return {};
}

inline std::string refusal_of_blob(std::uint64_t bytes) {
  return bytes > k_service_put_blob_bytes_max ? concat("a blob of ", bytes, " bytes in one call")
                                              : std::string();
}

}  // namespace penstock::lake
