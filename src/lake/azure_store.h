// The lake in Azure Blob Storage (or its emulator): what `azure` builds, sent by `http`.
//
// One call of the store is one request. The service itself forgets blocks that were not committed for 7
// days, so discard() does nothing.
//
// The store compares what the service has received with what was sent, by CRC-64/NVME. The answer to Put
// Block carries the block's checksum. If it is another one, that put has failed (corrupt, retry) and a
// repeat replaces the block. A whole blob is visible when its answer comes, so its checksum goes with the
// request, and the service refuses other bytes (400 Crc64Mismatch: corrupt, retry). An emulator that
// answers no checksum is believed.
//
// A request that the service does not believe (401, or 403 AuthenticationFailed) is sent once more, if the
// credential has changed since: a secret that was written anew, a token that was renewed. One that makes a
// blob is the exception. Only its caller knows until when it may begin, so it has failed (unauthenticated,
// retry), and its repeat has the new credential.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <penstock/result.h>

#include "azure/credential.h"
#include "azure/endpoint.h"
#include "base/alive.h"
#include "base/clock.h"
#include "http/client.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "lake/body_checksum.h"
#include "lake/credential_source.h"

namespace penstock::lake {

struct AzureOptions {
  azure::Endpoint endpoint;
  // Asked at each sending. The store's own, or that of the stores of one thread.
  std::shared_ptr<CredentialSource> credentials;
  http::ClientOptions http;
};

// Error invalid_input: the key is of another account than the URL names. Pure.
Result<void> check_account(const azure::Endpoint& endpoint, const azure::Credential& credential);

class AzureBlobStore : public BlobStore {
 public:
  // Sends nothing. Error invalid_input: an option is out of range. Loop and clock outlive the store.
  // Destroying the store runs no callback, and may be done within one.
  static Result<std::unique_ptr<AzureBlobStore>> create(AzureOptions options, io::Loop& loop,
                                                        const Clock& clock);

  void put_block(const std::string& name, const BlockRef& block, Body body, Done done) override;
  void commit_blocks(const std::string& name, std::span<const BlockRef> blocks, const Metadata& metadata,
                     Done done) override;
  void put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) override;
  void get_properties(const std::string& name, std::function<void(Result<BlobProperties>)> done) override;
  void list(const std::string& prefix, const std::string& marker,
            std::function<void(Result<BlobPage>)> done) override;
  void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
            std::function<void(Result<std::string>)> done) override;

  // Asks for the properties of a blob that is not there, which needs the container, a good credential and
  // permission to read. Then puts a block of it that nothing will commit, which needs permission to write.
  // Permission to list is not asked for, as running needs none.
  void probe(Done done) override;

  void discard(const std::string& name) override;
  const std::string& description() const override { return description_; }

  // When the latest answer that had a date was sent, by the server's clock and by ours. None: there was none.
  struct Served {
    WallTime there;
    WallTime here;
  };
  const std::optional<Served>& last_served() const { return last_served_; }

  // For tests and emulators. Error already_exists: the container is there.
  void create_container(Done done);

 private:
  using OnResponse = std::function<void(Result<http::Response>)>;
  struct Sending;

  AzureBlobStore(AzureOptions options, std::unique_ptr<http::Client> client, io::Loop& loop,
                 const Clock& clock);

  void send(azure::BlobRequest request, Body data, int expected_status, std::string operation,
            OnResponse on_response, http::OnBodyTaken on_body_taken = {});
  void transmit(const std::shared_ptr<Sending>& sending);
  void on_answer(const std::shared_ptr<Sending>& sending, const azure::Credential& credential,
                 Result<http::Response> response);
  void write(Result<azure::BlobRequest> request, Body data, std::string operation, Done done);

  // As write(), and compares the answer's checksum. `mismatch` is what a caller should do about another one.
  void write_data(Result<azure::BlobRequest> request, Body data, std::shared_ptr<BodyChecksum> checksum,
                  Action mismatch, const std::string& operation, Done done);
  Error refusal(const http::Response& response, const std::string& operation) const;
  std::string named(std::string_view operation, const std::string& name) const;

  const azure::Endpoint endpoint_;
  const std::string description_;
  const std::shared_ptr<CredentialSource> credentials_;
  io::Loop& loop_;
  const Clock& clock_;
  std::optional<Served> last_served_;
  Alive alive_;  // held weakly by deferred tasks
  std::unique_ptr<http::Client> client_;
};

}  // namespace penstock::lake
