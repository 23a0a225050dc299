// How it works. Each call of the seam becomes one HTTP request, and its answer one Result. A call goes
// through three hands: `azure` builds the request as a value, send() signs it with the clock of now and
// gives it to `http`, and the answer's status decides. The expected status is a success; refusal() turns
// any other one into an Error by the table in azure/blob_errors.cc. There is no policy here: no repeat, no
// pause, no choice of what to do next.
//
// Worked case: a batch of 20 MiB with blocks of 8 MiB.
//
//   put_block 0, 1, 2     PUT .../a.txt?comp=block&blockid=...    201, x-ms-content-crc64: what has arrived
//   commit_blocks         PUT .../a.txt?comp=blocklist            201: the blob is visible, whole
//                         If-None-Match: *
//
// The three blocks may be in flight at once and arrive in any order. If the answer to a block carries
// another CRC-64 than the bytes had, the block has failed with `corrupt`, and a repeat replaces it before
// anybody could see it. If the answer to the commit is lost, the caller gets `unavailable` or `timed_out`
// and does not know whether the blob is there. Its repeat then meets the condition, `already_exists`, and
// the caller asks get_properties() whose blob it is.
//
// put_blob() has no second step in which a wrong block could be left out. So it computes the checksum
// before it sends, and the service refuses other bytes by itself (400 Crc64Mismatch).
#include "lake/azure_store.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "azure/blob_errors.h"
#include "azure/blob_list.h"
#include "azure/blob_requests.h"
#include "base/concat.h"
#include "crypto/random.h"
#include "lake/blob_headers.h"

namespace penstock::lake {

namespace {

constexpr int k_ok = 200;
constexpr int k_created = 201;
constexpr int k_partial = 206;

// A page's answer fits http::k_response_bytes_max: 500 blobs of at most 8 KiB metadata, 1 KiB name and some
// 2 KiB properties are 5.5 MiB.
constexpr std::uint32_t k_page_blobs_max = 500;

http::Method method_of(azure::Verb verb) {
  switch (verb) {
    case azure::Verb::get:
      return http::Method::get;
    case azure::Verb::head:
      return http::Method::head;
    case azure::Verb::put:
      return http::Method::put;
  }
  return http::Method::get;
}

Result<void> check_account(const azure::Endpoint& endpoint, const azure::Credential& credential) {
  const auto* key = std::get_if<azure::SharedKey>(&credential);
  if (key != nullptr && endpoint.account_is_certain && key->account != endpoint.account) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat("the key is of storage account ", key->account, ", and the sink's URL names ",
                             endpoint.account, ": correct sink.auth or sink.url"));
  }
  return {};
}

BlobPage page_of(azure::BlobList list, const azure::Endpoint& endpoint) {
  BlobPage page;
  page.next_marker = std::move(list.next_marker);
  const std::size_t prefix_bytes = endpoint.full_name("").size();
  for (azure::ListedBlob& blob : list.blobs) {
    if (blob.name.size() > prefix_bytes) {
      page.blobs.push_back({blob.name.substr(prefix_bytes), {blob.bytes, std::move(blob.metadata)}});
    }
  }
  return page;
}

// Whether the service has received what was sent, as far as it says.
Result<void> compared(const http::Response& response, BodyChecksum& checksum, Action mismatch,
                      const std::string& operation) {
  const auto theirs = response.headers.find(azure::k_content_crc64);
  if (!theirs) {
    return {};
  }
  const std::string ours = azure::crc64_text(checksum.value());
  if (*theirs == ours) {
    return {};
  }
  return make_error(
      ErrorKind::corrupt, mismatch,
      concat(operation, ": the service has received other bytes than were sent (CRC-64 ", *theirs, ", not ",
             ours, "): ",
             mismatch == Action::retry
                 ? "not used, sent again; if it happens often, look at this machine's memory and "
                   "at proxies on the way"
                 : "the blob is visible although its checksum was sent with it: delete it, "
                   "then start again, and its records are read again"),
      "Crc64Mismatch");
}

std::string probe_name() {
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(crypto::random_u64()));
  return concat("_penstock/probe-", hex.data());
}

}  // namespace

Result<std::unique_ptr<AzureBlobStore>> AzureBlobStore::create(AzureOptions options, io::Loop& loop,
                                                               const Clock& clock) {
  if (auto same = check_account(options.endpoint, options.credential); !same.ok()) {
    return std::move(same).error();
  }
  auto client = http::Client::create(options.http, loop);
  if (!client.ok()) {
    return std::move(client).error();
  }
  return std::unique_ptr<AzureBlobStore>(
      new AzureBlobStore(std::move(options), *std::move(client), loop, clock));
}

AzureBlobStore::AzureBlobStore(AzureOptions options, std::unique_ptr<http::Client> client, io::Loop& loop,
                               const Clock& clock)
    : endpoint_(std::move(options.endpoint)),
      description_(endpoint_.description()),
      credential_(std::move(options.credential)),
      loop_(loop),
      clock_(clock),
      client_(std::move(client)) {}

void AzureBlobStore::put_block(const std::string& name, const BlockRef& block, Body body, Done done) {
  write_data(azure::put_block(endpoint_, name, block.index, size_of(body)), body,
             std::make_shared<BodyChecksum>(body), Action::retry,
             named(concat("Put Block ", block.index), name), std::move(done));
}

void AzureBlobStore::commit_blocks(const std::string& name, std::span<const BlockRef> blocks,
                                   const Metadata& metadata, Done done) {
  std::vector<std::uint32_t> indexes;
  indexes.reserve(blocks.size());
  for (const BlockRef& block : blocks) {
    indexes.push_back(block.index);
  }
  write(azure::put_block_list(endpoint_, name, indexes, metadata), {}, named("Put Block List", name),
        std::move(done));
}

void AzureBlobStore::put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) {
  auto checksum = std::make_shared<BodyChecksum>(body);
  std::optional<std::uint64_t> crc64;
  if (size_of(body) > 0) {
    crc64 = checksum->value();
  }
  write_data(azure::put_blob(endpoint_, name, size_of(body), metadata, crc64), body, std::move(checksum),
             Action::fatal, named("Put Blob", name), std::move(done));
}

void AzureBlobStore::get_properties(const std::string& name,
                                    std::function<void(Result<BlobProperties>)> done) {
  const std::string operation = named("Get Blob Properties", name);
  send(azure::get_blob_properties(endpoint_, name), {}, k_ok, operation,
       [operation, done = std::move(done)](Result<http::Response> response) {
         if (!response.ok()) {
           done(std::move(response).error());
           return;
         }
         done(properties_of(response->headers, operation));
       });
}

void AzureBlobStore::list(const std::string& prefix, const std::string& marker,
                          std::function<void(Result<BlobPage>)> done) {
  send(azure::list_blobs(endpoint_, prefix, marker, k_page_blobs_max), {}, k_ok,
       concat("List Blobs of prefix '", endpoint_.full_name(prefix), "'"),
       [this, done = std::move(done)](Result<http::Response> response) {
         if (!response.ok()) {
           done(std::move(response).error());
           return;
         }
         auto parsed = azure::parse_blob_list(response->body);
         if (!parsed.ok()) {
           done(std::move(parsed).error());
           return;
         }
         done(page_of(*std::move(parsed), endpoint_));
       });
}

void AzureBlobStore::read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
                          std::function<void(Result<std::string>)> done) {
  send(azure::get_blob(endpoint_, name, offset, bytes), {}, k_partial, named("Get Blob", name),
       [done = std::move(done)](Result<http::Response> response) {
         if (!response.ok()) {
           done(std::move(response).error());
           return;
         }
         done(std::move(response->body));
       });
}

void AzureBlobStore::probe(Done done) {
  const std::string name = probe_name();
  get_properties(name, [this, name, done = std::move(done)](Result<BlobProperties> properties) {
    const bool absent = !properties.ok() && properties.error().kind == ErrorKind::not_found &&
                        properties.error().action == Action::give_up;
    if (!properties.ok() && !absent) {
      done(std::move(properties).error());
      return;
    }
    static constexpr std::byte k_byte{'\n'};
    const Bytes body(&k_byte, 1);
    put_block(name, BlockRef{0, 0, 1}, Body(&body, 1), done);
  });
}

void AzureBlobStore::discard(const std::string& /*name*/) {}

void AzureBlobStore::create_container(Done done) {
  write(azure::create_container(endpoint_), {}, "Create Container", std::move(done));
}

void AzureBlobStore::write(Result<azure::BlobRequest> request, Body data, std::string operation, Done done) {
  if (!request.ok()) {
    loop_.defer([alive = alive_.watch(), error = std::move(request).error(), done = std::move(done)] {
      if (!alive.gone()) {
        done(error);
      }
    });
    return;
  }
  send(*std::move(request), data, k_created, std::move(operation),
       [done = std::move(done)](Result<http::Response> response) {
         if (!response.ok()) {
           done(std::move(response).error());
           return;
         }
         done({});
       });
}

void AzureBlobStore::write_data(Result<azure::BlobRequest> request, Body data,
                                std::shared_ptr<BodyChecksum> checksum, Action mismatch,
                                const std::string& operation, Done done) {
  if (!request.ok()) {
    write(std::move(request), data, operation, std::move(done));
    return;
  }
  http::OnBodyTaken taken = [checksum](std::uint64_t offset, Bytes bytes) { checksum->take(offset, bytes); };
  send(
      *std::move(request), data, k_created, operation,
      [checksum, mismatch, operation, done = std::move(done)](Result<http::Response> response) {
        if (!response.ok()) {
          done(std::move(response).error());
          return;
        }
        done(compared(*response, *checksum, mismatch, operation));
      },
      std::move(taken));
}

void AzureBlobStore::send(azure::BlobRequest request, Body data, int expected_status, std::string operation,
                          OnResponse on_response, http::OnBodyTaken on_body_taken) {
  azure::authorize(request, credential_, clock_.wall_now());
  const auto own_body = std::make_shared<const std::string>(std::move(request.body));
  http::Request message;
  message.method = method_of(request.verb);
  message.url = azure::url_of(request);
  for (auto& [name, value] : request.headers) {
    message.headers.add(std::move(name), std::move(value));
  }
  message.body.assign(data.begin(), data.end());
  message.on_body_taken = std::move(on_body_taken);
  if (!own_body->empty()) {
    message.body.push_back(as_bytes(*own_body));
  }
  client_->send(std::move(message), [this, own_body, expected_status, operation = std::move(operation),
                                     on_response = std::move(on_response)](Result<http::Response> response) {
    if (!response.ok()) {
      Error error = std::move(response).error();
      error.message = concat(operation, ": ", error.message);
      on_response(std::move(error));
    } else if (response->status != expected_status) {
      on_response(refusal(*response, operation));
    } else {
      on_response(std::move(response));
    }
  });
}

Error AzureBlobStore::refusal(const http::Response& response, const std::string& operation) const {
  const auto header = [&](std::string_view name) { return response.headers.find(name).value_or(""); };
  azure::Refusal refusal;
  refusal.status = response.status;
  refusal.error_code = header("x-ms-error-code");
  refusal.retry_after_ms = header("retry-after-ms");
  refusal.x_ms_retry_after_ms = header("x-ms-retry-after-ms");
  refusal.retry_after = header("retry-after");
  refusal.date = header("date");
  refusal.request_id = header("x-ms-request-id");
  refusal.body = response.body;
  return azure::blob_error(refusal, operation, endpoint_, clock_.wall_now());
}

std::string AzureBlobStore::named(std::string_view operation, const std::string& name) const {
  return concat(operation, " of blob ", endpoint_.full_name(name));
}

}  // namespace penstock::lake
