#include "lake/azure_store.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "azure/blob_requests.h"
#include "base/percent_encode.h"
#include "codec/checksum.h"
#include "unit/http/script_server.h"

namespace penstock::lake {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::answers;
using test::Received;
using test::response;
using test::ScriptServer;
using test::Step;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

class FixedClock : public Clock {
 public:
  MonoTime now() const override { return {}; }
  WallTime wall_now() const override { return WallTime{seconds{1769817600}}; }  // 2026-01-31T00:00:00Z
};

class AzureStoreTest : public testing::Test {
 protected:
  void start(std::vector<Step> script,
             azure::Credential credential = azure::make_shared_key("acct", "c2VjcmV0").value()) {
    server_.emplace(std::move(script));
    store_ = create(std::move(credential)).value();
  }

  Result<std::unique_ptr<AzureBlobStore>> create(azure::Credential credential) {
    return AzureBlobStore::create({azure::parse_endpoint(server_->url("/acct/lake/raw")).value(),
                                   std::make_shared<FixedCredential>(std::move(credential)),
                                   {}},
                                  *loop_, clock_);
  }
  void start(std::vector<Step> script, std::shared_ptr<CredentialSource> credentials) {
    server_.emplace(std::move(script));
    store_ = AzureBlobStore::create(
                 {azure::parse_endpoint(server_->url("/acct/lake/raw")).value(), std::move(credentials), {}},
                 *loop_, clock_)
                 .value();
  }

  template <class Value>
  Result<Value> wait_for(const std::function<void(std::function<void(Result<Value>)>)>& call) {
    std::optional<Result<Value>> outcome;
    call([&](Result<Value> result) { outcome = std::move(result); });
    EXPECT_FALSE(outcome.has_value()) << "done ran inside the call";
    const auto deadline = std::chrono::steady_clock::now() + seconds{20};
    while (!outcome && std::chrono::steady_clock::now() < deadline) {
      loop_->run_once(milliseconds{100});
    }
    if (!outcome) {
      return make_error(ErrorKind::io, Action::fatal, "the test gave up waiting");
    }
    return *std::move(outcome);
  }
  Result<void> put(const std::string& name, std::vector<Bytes> body, const Metadata& metadata = {}) {
    return wait_for<void>([&](Done done) { store_->put_blob(name, body, metadata, std::move(done)); });
  }
  Result<void> commit(const std::string& name, const std::vector<BlockRef>& blocks) {
    return wait_for<void>([&](Done done) { store_->commit_blocks(name, blocks, {}, std::move(done)); });
  }
  Result<BlobProperties> properties(const std::string& name) {
    return wait_for<BlobProperties>([&](auto done) { store_->get_properties(name, std::move(done)); });
  }
  Result<void> probe() {
    return wait_for<void>([&](Done done) { store_->probe(std::move(done)); });
  }

  FixedClock clock_;
  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
  std::optional<ScriptServer> server_;
  std::unique_ptr<AzureBlobStore> store_;
};

TEST_F(AzureStoreTest, put_blob_is_one_conditional_signed_request) {
  start({});
  ASSERT_TRUE(put("a/b.txt", {as_bytes("one"), as_bytes("two")}, {{"topic", "api"}}).ok());
  const Received request = server_->received().at(0);
  EXPECT_EQ(request.line, "PUT /acct/lake/raw/a/b.txt HTTP/1.1");
  EXPECT_EQ(request.body, "onetwo");
  EXPECT_EQ(request.headers.at("if-none-match"), "*");
  EXPECT_EQ(request.headers.at("x-ms-blob-type"), "BlockBlob");
  EXPECT_EQ(request.headers.at("x-ms-meta-topic"), "api");
  EXPECT_EQ(request.headers.at("x-ms-date"), "Sat, 31 Jan 2026 00:00:00 GMT");
  EXPECT_THAT(request.headers.at("authorization"), StartsWith("SharedKey acct:"));
  EXPECT_EQ(server_->received().size(), 1U);
}

TEST_F(AzureStoreTest, blocks_are_committed_under_the_ids_they_were_put_with) {
  start({});
  const Bytes body[] = {as_bytes("block")};
  ASSERT_TRUE(wait_for<void>([&](Done done) { store_->put_block("a.txt", {7, 0, 5}, body, done); }).ok());
  ASSERT_TRUE(commit("a.txt", {{7, 0, 5}}).ok());
  const std::string id = azure::block_id("raw/a.txt", 7);
  const auto received = server_->received();
  EXPECT_EQ(received.at(0).line,
            "PUT /acct/lake/raw/a.txt?comp=block&blockid=" + percent_encode(id) + " HTTP/1.1");
  EXPECT_EQ(received.at(0).body, "block");
  EXPECT_EQ(received.at(1).line, "PUT /acct/lake/raw/a.txt?comp=blocklist HTTP/1.1");
  EXPECT_THAT(received.at(1).body, HasSubstr("<BlockList><Latest>" + id + "</Latest></BlockList>"));
  EXPECT_EQ(received.at(1).headers.at("if-none-match"), "*");
}

// What Azure answers to a Put Blob of "Hello World", and of nothing.
constexpr const char* k_crc_of_hello = "x-ms-content-crc64: YeJLfssylmU=\r\n";
constexpr const char* k_crc_of_nothing = "x-ms-content-crc64: AAAAAAAAAAA=\r\n";

TEST_F(AzureStoreTest, a_block_that_arrived_damaged_has_failed_and_its_repeat_is_good) {
  start({answers("201 Created", k_crc_of_nothing), answers("201 Created", k_crc_of_hello),
         answers("201 Created"), answers("201 Created", k_crc_of_nothing)});
  const Bytes body[] = {as_bytes("Hello "), as_bytes("World")};
  const auto put_block = [&] {
    return wait_for<void>([&](Done done) { store_->put_block("a.txt", {0, 0, 11}, body, done); });
  };
  const Result<void> damaged = put_block();
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(damaged.error().action, Action::retry);
  EXPECT_THAT(damaged.error().message,
              StartsWith("Put Block 0 of blob raw/a.txt: the service has received other "
                         "bytes than were sent (CRC-64 AAAAAAAAAAA=, not YeJLfssylmU=)"));
  EXPECT_TRUE(put_block().ok());
  EXPECT_TRUE(put_block().ok()) << "an emulator that answers no checksum is believed";
  EXPECT_FALSE(put_block().ok());
  EXPECT_FALSE(server_->received().at(0).headers.contains("x-ms-content-crc64"));
}

TEST_F(AzureStoreTest, a_big_block_of_many_pieces_is_compared_as_a_whole) {
  const std::string big(3 << 20, 'b');
  const std::vector<Bytes> body = {as_bytes("a"), as_bytes(big), as_bytes("c")};
  const std::string crc = azure::crc64_text(codec::crc64_nvme(as_bytes("a" + big + "c")));
  start({answers("201 Created", "x-ms-content-crc64: " + crc + "\r\n"),
         answers("201 Created", k_crc_of_nothing)});
  const auto put_block = [&] {
    return wait_for<void>([&](Done done) { store_->put_block("a.txt", {0, 0, size_of(body)}, body, done); });
  };
  const Result<void> good = put_block();
  EXPECT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(put_block().error().kind, ErrorKind::corrupt);
}

TEST_F(AzureStoreTest, a_whole_blob_goes_with_its_checksum_and_a_refusal_is_tried_again) {
  start({answers("400 Bad", "x-ms-error-code: Crc64Mismatch\r\n"), answers("201 Created", k_crc_of_hello),
         answers("201 Created")});
  const Result<void> refused = put("a.txt", {as_bytes("Hello "), as_bytes("World")});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(refused.error().action, Action::retry);
  EXPECT_TRUE(put("a.txt", {as_bytes("Hello "), as_bytes("World")}).ok());
  EXPECT_TRUE(put("empty.txt", {}).ok());
  EXPECT_EQ(server_->received().at(0).headers.at("x-ms-content-crc64"), "YeJLfssylmU=");
  EXPECT_FALSE(server_->received().at(2).headers.contains("x-ms-content-crc64")) << "nothing to protect";
}

TEST_F(AzureStoreTest, a_whole_blob_that_is_there_with_another_checksum_is_for_a_person) {
  start({answers("201 Created", k_crc_of_nothing)});
  const Result<void> damaged = put("a.txt", {as_bytes("Hello World")});
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(damaged.error().action, Action::fatal);
  EXPECT_THAT(damaged.error().message, HasSubstr("delete it"));
}

TEST_F(AzureStoreTest, refusals_become_errors_that_a_caller_can_act_on) {
  start({answers("409 Conflict", "x-ms-error-code: BlobAlreadyExists\r\n"),
         answers("400 Bad", "x-ms-error-code: InvalidBlockList\r\n"),
         answers("503 Busy", "x-ms-error-code: ServerBusy\r\nRetry-After: 7\r\n"),
         answers("503 Busy", "retry-after-ms: 250\r\nRetry-After: 7\r\n"), answers("200 OK")});
  EXPECT_EQ(put("a.txt", {}).error().kind, ErrorKind::already_exists);
  EXPECT_EQ(commit("a.txt", {{0, 0, 1}}).error().kind, ErrorKind::invalid_block_list);
  const Error busy = put("a.txt", {}).error();
  EXPECT_EQ(busy.kind, ErrorKind::throttled);
  EXPECT_EQ(busy.retry_after, seconds{7});
  EXPECT_THAT(busy.message, HasSubstr("Put Blob of blob raw/a.txt"));
  EXPECT_EQ(put("a.txt", {}).error().retry_after, milliseconds{250});
  EXPECT_FALSE(put("a.txt", {}).ok()) << "200 is not 201: nothing says that the blob was created";
}

TEST_F(AzureStoreTest, a_lost_answer_is_unavailable_and_names_the_operation) {
  start({{"", SIZE_MAX, Step::Then::close}});
  const auto outcome = put("a.txt", {as_bytes("x")});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(outcome.error().action, Action::retry);
  EXPECT_THAT(outcome.error().message, StartsWith("Put Blob of blob raw/a.txt: request to 127.0.0.1"));
}

TEST_F(AzureStoreTest, properties_carry_size_and_metadata) {
  start({{"HTTP/1.1 200 OK\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 42\r\nX-Ms-Meta-Attempt: 7\r\n"
          "x-ms-meta-ranges: 0:1-2\r\n\r\n"},
         {"HTTP/1.1 404 Not Found\r\nx-ms-error-code: BlobNotFound\r\nContent-Length: 0\r\n\r\n"}});
  const auto found = properties("a.txt");
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->bytes, 42U);
  EXPECT_THAT(found->metadata, ElementsAre(Pair("attempt", "7"), Pair("ranges", "0:1-2")));
  const auto absent = properties("a.txt");
  EXPECT_EQ(absent.error().kind, ErrorKind::not_found);
  EXPECT_EQ(absent.error().action, Action::give_up);
}

TEST_F(AzureStoreTest, reading_asks_for_its_range_alone) {
  start({answers("206 Partial Content", "", "cd"), answers("200 OK", "", "abcd"),
         answers("404 Not Found", "x-ms-error-code: BlobNotFound\r\n")});
  const auto read = [&] {
    return wait_for<std::string>([&](auto done) { store_->read("a.txt", 2, 4, std::move(done)); });
  };
  EXPECT_EQ(read().value(), "cd");
  EXPECT_EQ(server_->received().at(0).line, "GET /acct/lake/raw/a.txt HTTP/1.1");
  EXPECT_EQ(server_->received().at(0).headers.at("x-ms-range"), "bytes=2-5");
  EXPECT_FALSE(read().ok()) << "the whole blob is not the range";
  EXPECT_EQ(read().error().kind, ErrorKind::not_found);
}

TEST_F(AzureStoreTest, listed_names_are_relative_to_the_prefix) {
  start({answers("200 OK", "",
                 "<EnumerationResults><Blobs><Blob><Name>raw/api/a.txt</Name><Properties><Content-Length>3"
                 "</Content-Length></Properties><Metadata><k>v</k></Metadata></Blob></Blobs>"
                 "<NextMarker>m</NextMarker></EnumerationResults>"),
         answers("200 OK", "", "<EnumerationResults>")});
  const auto list = [&] {
    return wait_for<BlobPage>([&](auto done) { store_->list("api/", "", std::move(done)); });
  };
  const auto page = list();
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->blobs.size(), 1U);
  EXPECT_EQ(page->blobs[0].name, "api/a.txt");
  EXPECT_EQ(page->blobs[0].properties.bytes, 3U);
  EXPECT_THAT(page->blobs[0].properties.metadata, ElementsAre(Pair("k", "v")));
  EXPECT_EQ(page->next_marker, "m");
  EXPECT_THAT(server_->received().at(0).line, HasSubstr("prefix=raw%2Fapi%2F"));
  EXPECT_EQ(list().error().kind, ErrorKind::corrupt);
}

TEST_F(AzureStoreTest, a_probe_reads_then_puts_a_block_that_nothing_commits) {
  start({{"HTTP/1.1 404 Not Found\r\nx-ms-error-code: BlobNotFound\r\nContent-Length: 0\r\n\r\n"},
         answers("201 Created")});
  ASSERT_TRUE(probe().ok());
  const auto received = server_->received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_THAT(received[0].line, StartsWith("HEAD /acct/lake/raw/_penstock/probe-"));
  EXPECT_THAT(received[1].line, StartsWith("PUT /acct/lake/raw/_penstock/probe-"));
  EXPECT_THAT(received[1].line, HasSubstr("?comp=block&"));
}

TEST_F(AzureStoreTest, a_probe_tells_a_missing_container_and_a_missing_permission) {
  start({{"HTTP/1.1 404 Not Found\r\nx-ms-error-code: ContainerNotFound\r\nContent-Length: 0\r\n\r\n"},
         {"HTTP/1.1 404 Not Found\r\nx-ms-request-id: 1\r\nContent-Length: 0\r\n\r\n"},
         answers("403 Forbidden", "x-ms-error-code: AuthorizationPermissionMismatch\r\n")});
  const Error missing = probe().error();
  EXPECT_EQ(missing.action, Action::fatal);
  EXPECT_THAT(missing.message, HasSubstr("create the container lake"));
  EXPECT_EQ(probe().error().kind, ErrorKind::forbidden);
}

// Has the tokens "one", "two", ... of which a refusal takes the first away, as long as there are others.
class TokenRow : public CredentialSource {
 public:
  explicit TokenRow(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  Result<azure::Credential> current() override {
    if (tokens_.empty()) {
      return make_error(ErrorKind::unavailable, Action::retry, "no token yet");
    }
    return azure::Credential(azure::Bearer{tokens_.front()});
  }
  void refused(const azure::Credential& credential, std::function<void(bool)> done) override {
    refused_.push_back(std::get<azure::Bearer>(credential).token);
    const bool has_other = tokens_.size() > 1;
    if (has_other) {
      tokens_.erase(tokens_.begin());
    }
    done(has_other);
  }

  std::vector<std::string> tokens_;
  std::vector<std::string> refused_;
};

constexpr const char* k_not_believed = "x-ms-error-code: AuthenticationFailed\r\n";

TEST_F(AzureStoreTest, a_request_that_is_not_believed_is_sent_again_with_the_next_credential) {
  const auto tokens = std::make_shared<TokenRow>(std::vector<std::string>{"one", "two"});
  start({answers("401 Unauthorized"), answers("201 Created", k_crc_of_hello)}, tokens);
  const Bytes body[] = {as_bytes("Hello "), as_bytes("World")};
  ASSERT_TRUE(wait_for<void>([&](Done done) { store_->put_block("a.txt", {0, 0, 11}, body, done); }).ok());
  ASSERT_EQ(server_->received().size(), 2U);
  EXPECT_EQ(server_->received().at(0).headers.at("authorization"), "Bearer one");
  EXPECT_EQ(server_->received().at(1).headers.at("authorization"), "Bearer two");
  EXPECT_EQ(server_->received().at(1).body, "Hello World");
  EXPECT_THAT(tokens->refused_, ElementsAre("one"));
}

// How late it may begin is known to the caller alone (ledger/PROTOCOL.md, Publish 5), and a token takes time.
TEST_F(AzureStoreTest, a_request_that_makes_a_blob_is_for_its_caller_to_repeat) {
  for (const char* refusal : {k_not_believed, "x-ms-error-code: AuthorizationFailure\r\n"}) {
    const auto tokens = std::make_shared<TokenRow>(std::vector<std::string>{"one", "two", "three"});
    start({answers("403 Forbidden", refusal), answers("403 Forbidden", refusal)}, tokens);
    for (const Result<void>& outcome : {put("a.txt", {as_bytes("x")}), commit("a.txt", {{0, 0, 1}})}) {
      ASSERT_FALSE(outcome.ok());
      EXPECT_EQ(outcome.error().kind, ErrorKind::unauthenticated);
      EXPECT_EQ(outcome.error().action, Action::retry);
    }
    EXPECT_EQ(server_->received().size(), 2U);
    EXPECT_TRUE(put("a.txt", {as_bytes("x")}).ok());
    EXPECT_EQ(server_->received().at(2).headers.at("authorization"), "Bearer three");
  }
}

TEST_F(AzureStoreTest, it_is_sent_twice_at_most_and_not_without_another_credential) {
  const auto three = std::make_shared<TokenRow>(std::vector<std::string>{"one", "two", "three"});
  start({answers("403 Forbidden", k_not_believed), answers("403 Forbidden", k_not_believed)}, three);
  const Bytes body[] = {as_bytes("x")};
  EXPECT_EQ(wait_for<void>([&](Done done) {
              store_->put_block("a.txt", {0, 0, 1}, body, done);
            })
                .error()
                .kind,
            ErrorKind::unauthenticated);
  EXPECT_EQ(server_->received().size(), 2U);
  const auto only = std::make_shared<TokenRow>(std::vector<std::string>{"one"});
  start({answers("403 Forbidden", k_not_believed)}, only);
  EXPECT_EQ(put("a.txt", {as_bytes("x")}).error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(server_->received().size(), 1U);
}

TEST_F(AzureStoreTest, a_missing_right_is_no_matter_of_the_credential) {
  const auto tokens = std::make_shared<TokenRow>(std::vector<std::string>{"one", "two"});
  start({answers("403 Forbidden", "x-ms-error-code: AuthorizationPermissionMismatch\r\n")}, tokens);
  EXPECT_EQ(put("a.txt", {as_bytes("x")}).error().kind, ErrorKind::forbidden);
  EXPECT_TRUE(tokens->refused_.empty());
}

TEST_F(AzureStoreTest, without_a_credential_nothing_is_sent) {
  start({}, std::make_shared<TokenRow>(std::vector<std::string>{}));
  const Result<void> outcome = put("a.txt", {as_bytes("x")});
  EXPECT_EQ(outcome.error().action, Action::retry);
  EXPECT_EQ(outcome.error().message, "Put Blob of blob raw/a.txt: no token yet");
  EXPECT_TRUE(server_->received().empty());
}

TEST_F(AzureStoreTest, a_sas_is_sent_in_the_query_and_nothing_is_signed) {
  start({}, azure::make_sas("sv=1&sig=abc").value());
  ASSERT_TRUE(put("a.txt", {}).ok());
  EXPECT_EQ(server_->received().at(0).line, "PUT /acct/lake/raw/a.txt?sv=1&sig=abc HTTP/1.1");
  EXPECT_FALSE(server_->received().at(0).headers.contains("authorization"));
}

TEST_F(AzureStoreTest, neither_description_nor_errors_hold_the_sas) {
  // On a kept connection libcurl would send the second again by itself: both get one of their own.
  start({answers("503 Busy", "Connection: close\r\n"), {"", SIZE_MAX, Step::Then::close}},
        azure::make_sas("sv=1&sig=topsecret").value());
  for (int i = 0; i < 2; ++i) {
    const auto outcome = put("a.txt", {});
    ASSERT_FALSE(outcome.ok());
    EXPECT_THAT(outcome.error().message, testing::Not(HasSubstr("topsecret")));
  }
  EXPECT_EQ(store_->description(), server_->url("/acct/lake/raw"));
}

TEST_F(AzureStoreTest, metadata_that_cannot_be_sent_is_an_error_and_nothing_is_sent) {
  start({});
  EXPECT_EQ(put("a.txt", {}, {{"BAD", "x"}}).error().kind, ErrorKind::invalid_input);
  EXPECT_TRUE(server_->received().empty());
}

TEST_F(AzureStoreTest, containers_are_created_once) {
  start({answers("201 Created"), answers("409 Conflict", "x-ms-error-code: ContainerAlreadyExists\r\n")});
  const auto create = [&] {
    return wait_for<void>([&](Done done) { store_->create_container(std::move(done)); });
  };
  EXPECT_TRUE(create().ok());
  EXPECT_EQ(server_->received().at(0).line, "PUT /acct/lake?restype=container HTTP/1.1");
  EXPECT_EQ(create().error().kind, ErrorKind::already_exists);
}

TEST_F(AzureStoreTest, an_answer_may_end_the_store) {
  start({});
  bool answered = false;
  store_->put_blob("a.txt", {}, {}, [&](Result<void>) {
    answered = true;
    store_.reset();
  });
  store_->put_blob("b.txt", {}, {{"BAD", "x"}}, [&](Result<void>) {});
  const auto deadline = std::chrono::steady_clock::now() + seconds{20};
  while (!answered && std::chrono::steady_clock::now() < deadline) {
    loop_->run_once(milliseconds{100});
  }
  EXPECT_TRUE(answered);
}

TEST(AzureStoreOptions, a_key_of_another_account_is_refused) {
  const Result<void> same =
      check_account(azure::parse_endpoint("https://contoso.blob.core.windows.net/lake").value(),
                    azure::make_shared_key("fabrikam", "c2VjcmV0").value());
  ASSERT_FALSE(same.ok());
  EXPECT_EQ(same.error().kind, ErrorKind::invalid_input);
  EXPECT_THAT(same.error().message, HasSubstr("fabrikam"));
}

}  // namespace
}  // namespace penstock::lake
