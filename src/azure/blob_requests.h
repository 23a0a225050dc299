// One function for each operation on the Blob service: the request as it is before authorize(). Pure.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
//
// Every operation that writes a blob carries If-None-Match: *. There is no other way to write one here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "azure/endpoint.h"
#include "azure/request.h"
#include "base/metadata.h"

namespace penstock::azure {

// The service's own limits.
inline constexpr std::size_t k_blocks_max = 50'000;            // blocks a blob may be committed of
inline constexpr std::size_t k_metadata_bytes_max = 8 * 1024;  // keys and values of one blob

// Names are relative to the sink's prefix.

// PUT /lake/raw/a.txt?comp=block&blockid=...    201; the bytes follow
BlobRequest put_block(const Endpoint& endpoint, std::string_view name, std::uint32_t index,
                      std::uint64_t bytes);

// PUT /lake/raw/a.txt?comp=blocklist    201, 409 BlobAlreadyExists, 412 ConditionNotMet, 400 InvalidBlockList
Result<BlobRequest> put_block_list(const Endpoint& endpoint, std::string_view name,
                                   std::span<const std::uint32_t> indexes, const Metadata& metadata);

// PUT /lake/raw/a.txt    201, 409 BlobAlreadyExists, 412 ConditionNotMet, 400 Crc64Mismatch; the bytes follow
// With a checksum the service makes a blob only of bytes that have it: what it answers would come too late, as the blob is
// visible by then.
Result<BlobRequest> put_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t bytes,
                             const Metadata& metadata, std::optional<std::uint64_t> crc64 = {});

// HEAD /lake/raw/a.txt    200, 404 BlobNotFound
BlobRequest get_blob_properties(const Endpoint& endpoint, std::string_view name);

// GET /lake/raw/a.txt with x-ms-range: bytes=0-99    206 and the bytes, 416 InvalidRange, 404 BlobNotFound
BlobRequest get_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t offset,
                     std::uint64_t bytes);

// GET /lake?restype=container&comp=list&include=metadata&prefix=raw/...    200 and XML: blob_list.h
BlobRequest list_blobs(const Endpoint& endpoint, std::string_view prefix, std::string_view marker,
                       std::uint32_t results_max);

// PUT /lake?restype=container    201, 409 ContainerAlreadyExists
BlobRequest create_container(const Endpoint& endpoint);

// A block's id: base64 of 16 hex digits of the name's hash and 8 of the index. The service wants ids of one
// length within a blob, at most 64 bytes before base64; the name is its writer's alone, hence so is the id.
std::string block_id(std::string_view full_name, std::uint32_t index);

// CRC-64/NVME as the service writes it: base64 of the eight bytes, the lowest first. "Hello World" is "YeJLfssylmU=".
// In answers to Put Block and Put Blob it is the service's own, of the bytes that it has received.
inline constexpr std::string_view k_content_crc64 = "x-ms-content-crc64";
std::string crc64_text(std::uint64_t crc64);

// What the extension says: text/plain, application/gzip, application/zstd.
std::string_view content_type_of(std::string_view name);

}  // namespace penstock::azure
