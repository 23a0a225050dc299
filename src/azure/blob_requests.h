// One function for each operation on the Blob service: the request as it is before authorize(). Pure.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
//
// Every operation that makes a blob visible carries If-None-Match: *. There is no other way to make one here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "azure/endpoint.h"
#include "azure/request.h"
#include "base/metadata.h"

namespace penstock::azure {

// The most bytes that keys and values of one blob's metadata have together: the service's own limit.
inline constexpr std::size_t k_metadata_bytes_max = 8 * 1024;

// Names are relative to the sink's prefix. Above each function: the request, and the answers that a caller
// expects.

// PUT /lake/raw/a.txt?comp=block&blockid=...
//
// 201. The block's bytes follow the headers; they are not in the request.
BlobRequest put_block(const Endpoint& endpoint, std::string_view name, std::uint32_t index,
                      std::uint64_t bytes);

// PUT /lake/raw/a.txt?comp=blocklist
//
// 201; 409 BlobAlreadyExists and 412 ConditionNotMet: the name is taken; 400 InvalidBlockList: a block is
// absent. Error invalid_input: more than k_blocks_per_blob_max blocks, or metadata that cannot be sent.
Result<BlobRequest> put_block_list(const Endpoint& endpoint, std::string_view name,
                                   std::span<const std::uint32_t> indexes, const Metadata& metadata);

// PUT /lake/raw/a.txt
//
// 201; 409 BlobAlreadyExists and 412 ConditionNotMet: the name is taken; 400 Crc64Mismatch: other bytes
// arrived. The blob's bytes follow the headers. With `crc64` the service makes a blob only of bytes that have
// this checksum. The one in its answer would come too late, as the blob is visible by then. Error
// invalid_input: metadata that cannot be sent as it is.
Result<BlobRequest> put_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t bytes,
                             const Metadata& metadata, std::optional<std::uint64_t> crc64 = {});

// HEAD /lake/raw/a.txt
//
// 200 and headers only; 404 BlobNotFound.
BlobRequest get_blob_properties(const Endpoint& endpoint, std::string_view name);

// GET /lake/raw/a.txt with x-ms-range: bytes=0-99
//
// 206 and the bytes; 416 InvalidRange; 404 BlobNotFound. `bytes` is at least 1.
BlobRequest get_blob(const Endpoint& endpoint, std::string_view name, std::uint64_t offset,
                     std::uint64_t bytes);

// GET /lake?restype=container&comp=list&include=metadata&prefix=raw/...
//
// 200 and XML, which blob_list.h reads. `marker` is empty for the first page.
BlobRequest list_blobs(const Endpoint& endpoint, std::string_view prefix, std::string_view marker,
                       std::uint32_t results_max);

// PUT /lake?restype=container
//
// 201; 409 ContainerAlreadyExists.
BlobRequest create_container(const Endpoint& endpoint);

// A block's id: base64 of 16 hex digits of the name's SHA-256 and 8 of the index. The service wants ids of
// one length within a blob, of at most 64 bytes before base64. A writer's names are its own, and so are its
// ids.
std::string block_id(std::string_view full_name, std::uint32_t index);

// CRC-64/NVME as the service writes it: base64 of the eight bytes, the lowest first. "Hello World" is
// "YeJLfssylmU=". In answers to Put Block and Put Blob it is the service's own, of the bytes that it has
// received.
inline constexpr std::string_view k_content_crc64 = "x-ms-content-crc64";
std::string crc64_text(std::uint64_t crc64);

// What the name's extension says: text/plain, application/gzip, application/zstd.
std::string_view content_type_of(std::string_view name);

}  // namespace penstock::azure
