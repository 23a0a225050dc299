// The requests as they go out, for the sink https://contoso.blob.core.windows.net/lake/raw. authorize()
// adds x-ms-version, x-ms-date and Authorization (or the SAS), `http` adds Host and Content-Length.
// https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs
//
//   PUT /lake/raw/a.txt?comp=block&blockid=ZjVhNGQ2ZTllM2ViYzE4YTAwMDAwMDAz HTTP/1.1     put_block of block 3
//   Content-Length: 8388608                                             the block's bytes follow
//
//   PUT /lake/raw/a.txt?comp=blocklist HTTP/1.1                         put_block_list
//   Content-Type: application/xml
//   If-None-Match: *
//   x-ms-blob-content-type: text/plain
//   x-ms-meta-records: 1000
//
//   <?xml version="1.0" encoding="utf-8"?><BlockList><Latest>ZjVh...MDAz</Latest></BlockList>
//
//   PUT /lake/raw/a.txt HTTP/1.1                                        put_blob; the blob's bytes follow
//   x-ms-blob-type: BlockBlob
//   x-ms-content-crc64: YeJLfssylmU=
//   If-None-Match: *                                                    and type and metadata as above
//
//   HEAD /lake/raw/a.txt HTTP/1.1                                       get_blob_properties
//
//   GET /lake/raw/a.txt HTTP/1.1                                        get_blob
//   x-ms-range: bytes=0-4194303
//
//   GET /lake?restype=container&comp=list&include=metadata&maxresults=500&prefix=raw%2Fapi%2F HTTP/1.1
//   PUT /lake?restype=container HTTP/1.1                                create_container
#include "azure/blob_requests.h"

#include <array>
#include <cstddef>
#include <cstdio>

#include "base/base64.h"
#include "base/concat.h"
#include "base/foreign_limits.h"
#include "crypto/hash.h"

namespace penstock::azure {

namespace {

BlobRequest container_request(Verb verb, const Endpoint& endpoint) {
  BlobRequest request;
  request.verb = verb;
  request.origin = endpoint.origin;
  request.path = concat(endpoint.base_path, "/", endpoint.container);
  return request;
}

BlobRequest blob_request(Verb verb, const Endpoint& endpoint, std::string_view name) {
  BlobRequest request = container_request(verb, endpoint);
  request.path += "/" + percent_encode_path(endpoint.full_name(name));
  return request;
}

bool is_metadata_key(std::string_view key) {
  return !key.empty() &&
         key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos;
}

// White space at the ends, or two of it in a row, would be signed as it is and sent otherwise.
bool is_metadata_value(std::string_view value) {
  if (value.starts_with(' ') || value.ends_with(' ') || value.find("  ") != std::string_view::npos) {
    return false;
  }
  for (const char c : value) {
    if (c < ' ' || c > '~') {
      return false;
    }
  }
  return true;
}

// What every write of a blob carries: the condition, the type and the metadata.
Result<void> add_write_headers(BlobRequest& request, std::string_view name, const Metadata& metadata) {
  request.headers.emplace_back("if-none-match", "*");
  request.headers.emplace_back("x-ms-blob-content-type", content_type_of(name));
  std::size_t metadata_bytes = 0;
  for (const auto& [key, value] : metadata) {
    if (!is_metadata_key(key) || !is_metadata_value(value)) {
      return invalid_input(concat("metadata '", key, "' of blob ", name,
                                  " cannot be sent: keys are of [a-z0-9], values of printable ASCII"));
    }
    metadata_bytes += key.size() + value.size();
    if (!value.empty()) {  // an empty header is not sent by every client, nor stored
      request.headers.emplace_back(concat("x-ms-meta-", key), value);
    }
  }
  if (metadata_bytes > k_metadata_bytes_max) {
    return invalid_input(concat("the metadata of blob ", name, " has ", metadata_bytes, " bytes, and ",
                                k_metadata_bytes_max, " is the most the service takes"));
  }
  return {};
}

}  // namespace

BlobRequest put_block(const Endpoint& endpoint, std::string_view name, std::uint32_t index,
                      std::uint64_t bytes) {
  BlobRequest request = blob_request(Verb::put, endpoint, name);
  request.query = {{"comp", "block"}, {"blockid", block_id(endpoint.full_name(name), index)}};
  request.content_length = bytes;
  return request;
}

Result<BlobRequest> put_block_list(const Endpoint& endpoint, std::string_view name,
                                   std::span<const std::uint32_t> indexes, const Metadata& metadata) {
  if (indexes.size() > k_blocks_per_blob_max) {
    return invalid_input(
        concat("blob ", name, " has ", indexes.size(), " blocks, and ", k_blocks_per_blob_max,
               " is the most the service takes: raise sink.block_bytes or lower batch.max_bytes"));
  }
  BlobRequest request = blob_request(Verb::put, endpoint, name);
  request.query = {{"comp", "blocklist"}};
  request.headers.emplace_back("content-type", "application/xml");
  if (auto added = add_write_headers(request, name, metadata); !added.ok()) {
    return std::move(added).error();
  }
  // <Latest> also finds blocks that an earlier, lost answer has committed: the condition then says so, and
  // not InvalidBlockList.
  const std::string full_name = endpoint.full_name(name);
  request.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const std::uint32_t index : indexes) {
    request.body.append("<Latest>").append(block_id(full_name, index)).append("</Latest>");
  }
  request.body += "</BlockList>";
  request.content_length = request.body.size();
  return request;
}

Result<BlobRequest> put_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t bytes,
                             const Metadata& metadata, std::optional<std::uint64_t> crc64) {
  BlobRequest request = blob_request(Verb::put, endpoint, name);
  request.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  if (crc64) {
    request.headers.emplace_back(k_content_crc64, crc64_text(*crc64));
  }
  request.content_length = bytes;
  if (auto added = add_write_headers(request, name, metadata); !added.ok()) {
    return std::move(added).error();
  }
  return request;
}

BlobRequest get_blob_properties(const Endpoint& endpoint, std::string_view name) {
  return blob_request(Verb::head, endpoint, name);
}

BlobRequest get_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t offset,
                     std::uint64_t bytes) {
  BlobRequest request = blob_request(Verb::get, endpoint, name);
  request.headers.emplace_back("x-ms-range", concat("bytes=", offset, "-", offset + bytes - 1));
  return request;
}

BlobRequest list_blobs(const Endpoint& endpoint, std::string_view prefix, std::string_view marker,
                       std::uint32_t results_max) {
  BlobRequest request = container_request(Verb::get, endpoint);
  request.query = {{"restype", "container"},
                   {"comp", "list"},
                   {"include", "metadata"},
                   {"maxresults", std::to_string(results_max)}};
  if (const std::string full_prefix = endpoint.full_name(prefix); !full_prefix.empty()) {
    request.query.emplace_back("prefix", full_prefix);
  }
  if (!marker.empty()) {
    request.query.emplace_back("marker", marker);
  }
  return request;
}

BlobRequest create_container(const Endpoint& endpoint) {
  BlobRequest request = container_request(Verb::put, endpoint);
  request.query = {{"restype", "container"}};
  return request;
}

std::string block_id(std::string_view full_name, std::uint32_t index) {
  const crypto::Sha256 hash = crypto::sha256(as_bytes(full_name));
  std::array<char, 25> text{};
  for (std::size_t i = 0; i < 8; ++i) {
    std::snprintf(text.data() + 2 * i, 3, "%02x", std::to_integer<unsigned>(hash[i]));
  }
  std::snprintf(text.data() + 16, 9, "%08x", index);
  return base64_encode(as_bytes({text.data(), 24}));
}

std::string crc64_text(std::uint64_t crc64) {
  std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(crc64 >> (8 * i));
  }
  return base64_encode(bytes);
}

std::string_view content_type_of(std::string_view name) {
  if (name.ends_with(".gz")) {
    return "application/gzip";
  }
  if (name.ends_with(".zst")) {
    return "application/zstd";
  }
  return "text/plain";
}

}  // namespace penstock::azure
