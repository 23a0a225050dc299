// How it works. Each call of the seam becomes one HTTP request, and its answer one Result. A call goes
// through three hands: `azure` builds the request as a value, send() signs it with the clock of now and
// gives it to `http`, and the answer's status decides. The expected status is a success; refusal() turns
// any other one into an Error by the table in azure/blob_errors.cc. There is little policy here: no
// pause, no choice of what to do next, and one repeat, of a request whose credential was not believed while
// there is another one (on_answer()).
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

#include <algorithm>
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
#include "azure/http_date.h"
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

// A login page of something in between may answer 200 to anything. Without a body it would pass for a blob
// that somebody else has put.
bool is_of_the_service(const http::Response& response) {
  return response.headers.find("x-ms-request-id") || response.headers.find("x-ms-blob-type");
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

// Some services and firewalls say AuthorizationFailure of a signature that is wrong or has ended.
bool is_of_the_credential(const Error& error) {
  return error.kind == ErrorKind::unauthenticated || error.code == "403 AuthorizationFailure";
}

// Put Blob and Put Block List: only they are sent on the condition that the name is free.
bool makes_a_blob(const azure::BlobRequest& request) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return header.first == "if-none-match"; });
}

std::string probe_name() {
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(crypto::random_u64()));
  return concat("_penstock/probe-", hex.data());
}

}  // namespace

Result<void> check_account(const azure::Endpoint& endpoint, const azure::Credential& credential) {
  const auto* key = std::get_if<azure::SharedKey>(&credential);
  if (key != nullptr && endpoint.account_is_certain && key->account != endpoint.account) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat("the key is of storage account ", key->account, ", and the sink's URL names ",
                             endpoint.account, ": correct sink.auth or sink.url"));
  }
  return {};
}

Result<std::unique_ptr<AzureBlobStore>> AzureBlobStore::create(AzureOptions options, io::Loop& loop,
                                                               const Clock& clock) {
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
      credentials_(std::move(options.credentials)),
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
       [this, operation, done = std::move(done)](Result<http::Response> response) {
         if (!response.ok()) {
           done(std::move(response).error());
         } else if (!is_of_the_service(*response)) {
           done(refusal(*response, operation));
         } else {
           done(properties_of(response->headers, operation));
         }
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

// A request until its answer is known. It is signed at each sending, of which there are two at most.
struct AzureBlobStore::Sending {
  azure::BlobRequest request;
  std::string own_body;
  std::vector<Bytes> data;
  int expected_status;
  std::string operation;
  OnResponse on_response;
  http::OnBodyTaken on_body_taken;
  bool is_second = false;
};

void AzureBlobStore::send(azure::BlobRequest request, Body data, int expected_status, std::string operation,
                          OnResponse on_response, http::OnBodyTaken on_body_taken) {
  std::string own_body = std::move(request.body);
  transmit(std::make_shared<Sending>(Sending{.request = std::move(request),
                                             .own_body = std::move(own_body),
                                             .data = {data.begin(), data.end()},
                                             .expected_status = expected_status,
                                             .operation = std::move(operation),
                                             .on_response = std::move(on_response),
                                             .on_body_taken = std::move(on_body_taken)}));
}

void AzureBlobStore::transmit(const std::shared_ptr<Sending>& sending) {
  Result<azure::Credential> credential = credentials_->current();
  if (!credential.ok()) {
    Error error = std::move(credential).error();
    error.message = concat(sending->operation, ": ", error.message);
    loop_.defer(alive_.guard([sending, error = std::move(error)] { sending->on_response(error); }));
    return;
  }
  azure::BlobRequest request = sending->request;
  azure::authorize(request, *credential, clock_.wall_now());
  http::Request message;
  message.method = method_of(request.verb);
  message.url = azure::url_of(request);
  for (auto& [name, value] : request.headers) {
    message.headers.add(std::move(name), std::move(value));
  }
  message.body = sending->data;
  message.on_body_taken = sending->on_body_taken;
  if (!sending->own_body.empty()) {
    message.body.push_back(as_bytes(sending->own_body));
  }
  client_->send(std::move(message),
                [this, sending, signed_by = *std::move(credential)](Result<http::Response> response) {
                  on_answer(sending, signed_by, std::move(response));
                });
}

void AzureBlobStore::on_answer(const std::shared_ptr<Sending>& sending, const azure::Credential& credential,
                               Result<http::Response> response) {
  if (!response.ok()) {
    Error error = std::move(response).error();
    error.message = concat(sending->operation, ": ", error.message);
    sending->on_response(std::move(error));
    return;
  }
  if (const auto date = azure::parse_http_date(response->headers.find("date").value_or(""))) {
    last_served_ = Served{.there = *date, .here = clock_.wall_now()};
  }
  if (response->status == sending->expected_status) {
    sending->on_response(std::move(response));
    return;
  }
  Error error = refusal(*response, sending->operation);
  if (!is_of_the_credential(error) || std::exchange(sending->is_second, true)) {
    sending->on_response(std::move(error));
    return;
  }
  credentials_->refused(credential,
                        alive_.guard([this, sending, error = std::move(error)](bool is_new) mutable {
                          if (is_new && !makes_a_blob(sending->request)) {
                            transmit(sending);
                            return;
                          }
                          if (is_new) {
                            error.kind = ErrorKind::unauthenticated;
                            error.action = Action::retry;
                          }
                          sending->on_response(std::move(error));
                        }));
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
  refusal.www_authenticate = header("www-authenticate");
  refusal.address = response.address;
  refusal.body = response.body;
  const Result<azure::Credential> credential = credentials_->current();
  refusal.bearer = credential.ok() && std::holds_alternative<azure::Bearer>(*credential);
  return azure::blob_error(refusal, operation, endpoint_, clock_.wall_now());
}

std::string AzureBlobStore::named(std::string_view operation, const std::string& name) const {
  return concat(operation, " of blob ", endpoint_.full_name(name));
}

}  // namespace penstock::lake
