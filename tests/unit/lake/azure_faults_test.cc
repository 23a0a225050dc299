// Every operation of the store times every way in which its answer can go wrong: what the caller is told.
//
// A cell is one call to a server on the loopback that answers so. In each, `done` runs once, the request was
// sent once, no redirect is followed, and no secret is in the message.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lake/azure_store.h"
#include "unit/http/script_server.h"

namespace penstock::lake {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::ScriptServer;
using test::Step;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

enum class Operation { put_blob, put_block, put_block_list, get_properties, list, read };

struct OperationName {
  Operation operation;
  std::string_view name;      // as messages begin
  std::string_view expected;  // the status of its success
};
constexpr OperationName k_operations[] = {
    {Operation::put_blob, "Put Blob of blob raw/a.txt", "201 Created"},
    {Operation::put_block, "Put Block 3 of blob raw/a.txt", "201 Created"},
    {Operation::put_block_list, "Put Block List of blob raw/a.txt", "201 Created"},
    {Operation::get_properties, "Get Blob Properties of blob raw/a.txt", "200 OK"},
    {Operation::list, "List Blobs of prefix 'raw/a'", "200 OK"},
    {Operation::read, "Get Blob of blob raw/a.txt", "206 Partial Content"},
};

class StoppedClock : public Clock {
 public:
  MonoTime now() const override { return {}; }
  WallTime wall_now() const override { return WallTime{seconds{1769817600}}; }  // 2026-01-31T00:00:00Z
};

// One store, one server, one call.
class Cell {
 public:
  explicit Cell(Step step) : server_({std::move(step)}) {
    AzureOptions options{azure::parse_endpoint(server_.url("/acct/lake/raw")).value(),
                         std::make_shared<FixedCredential>(azure::make_sas("sv=1&sig=topsecret").value()),
                         {}};
    options.http.stall_timeout = milliseconds{200};
    store_ = AzureBlobStore::create(std::move(options), *loop_, clock_).value();
  }

  // None: it has succeeded.
  std::optional<Error> call(Operation operation) {
    const Bytes body[] = {as_bytes("Hello World")};
    const BlockRef block{3, 0, 11};
    switch (operation) {
      case Operation::put_blob:
        store_->put_blob("a.txt", body, {{"topic", "t"}}, note<void>());
        break;
      case Operation::put_block:
        store_->put_block("a.txt", block, body, note<void>());
        break;
      case Operation::put_block_list:
        store_->commit_blocks("a.txt", std::span(&block, 1), {}, note<void>());
        break;
      case Operation::get_properties:
        store_->get_properties("a.txt", note<BlobProperties>());
        break;
      case Operation::list:
        store_->list("a", "", note<BlobPage>());
        break;
      case Operation::read:
        store_->read("a.txt", 0, 11, note<std::string>());
        break;
    }
    const auto deadline = std::chrono::steady_clock::now() + seconds{20};
    while (answers_ == 0 && std::chrono::steady_clock::now() < deadline) {
      loop_->run_once(milliseconds{20});
    }
    EXPECT_EQ(answers_, 1) << "told once, and in bounded time";
    return error_;
  }
  std::size_t requests() const { return server_.received().size(); }

 private:
  template <class Value>
  std::function<void(Result<Value>)> note() {
    return [this](Result<Value> result) {
      ++answers_;
      if (!result.ok()) {
        error_ = result.error();
      }
    };
  }

  StoppedClock clock_;
  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
  ScriptServer server_;
  std::unique_ptr<AzureBlobStore> store_;
  int answers_ = 0;
  std::optional<Error> error_;
};

std::string answer(std::string_view status, std::string_view headers, std::string_view body,
                   Operation operation) {
  std::string text = test::response(status, headers, body);
  if (operation == Operation::get_properties) {  // a HEAD has no body
    text.resize(text.size() - body.size());
  }
  return text;
}

void expect_refusal(const OperationName& operation, const Step& step, ErrorKind kind, Action action,
                    std::string_view words) {
  Cell cell(step);
  const std::optional<Error> error = cell.call(operation.operation);
  ASSERT_TRUE(error.has_value()) << operation.name << ", " << words << ": passed for a success";
  EXPECT_EQ(error->kind, kind) << to_string(error->kind) << ": " << error->message;
  EXPECT_EQ(error->action, action) << to_string(error->action) << ": " << error->message;
  EXPECT_THAT(error->message, StartsWith(std::string(operation.name)));
  EXPECT_THAT(error->message, HasSubstr(std::string(words)));
  EXPECT_THAT(error->message, Not(HasSubstr("topsecret")));
  EXPECT_EQ(cell.requests(), 1U) << operation.name << ", " << words;
}

struct Refused {
  std::string_view status;
  std::string_view code;
  ErrorKind kind;
  Action action;
  std::string_view words;
  std::string_view headers = "";
};

// With an answer of the service: its id, and the code both as a header and in the body.
TEST(AzureFaults, every_operation_times_every_class_of_refusal) {
  constexpr Refused k_refusals[] = {
      {"400 Bad", "InvalidHeaderValue", ErrorKind::invalid_input, Action::fatal, "a proxy changes headers"},
      {"400 Bad", "InvalidUri", ErrorKind::invalid_input, Action::fatal, "does not take this name"},
      {"400 Bad", "InvalidBlockList", ErrorKind::invalid_block_list, Action::give_up, "put the blocks again"},
      {"400 Bad", "Crc64Mismatch", ErrorKind::corrupt, Action::retry, "the bytes changed on their way"},
      {"400 Bad", "", ErrorKind::invalid_input, Action::fatal, "refuses the request as it stands"},
      {"401 No", "InvalidAuthenticationInfo", ErrorKind::unauthenticated, Action::give_up,
       "malformed or has expired"},
      {"401 No", "", ErrorKind::unauthenticated, Action::give_up, "the credential is wrong or has expired"},
      {"403 No", "AuthenticationFailed", ErrorKind::unauthenticated, Action::give_up,
       "this machine says Sat, 31 Jan 2026 00:00:00 GMT, the service Sat, 31 Jan 2026 01:00:00 GMT: they are "
       "3600 s apart",
       "Date: Sat, 31 Jan 2026 01:00:00 GMT\r\n"},
      {"403 No", "AuthorizationPermissionMismatch", ErrorKind::forbidden, Action::fatal, "sp=rcwl"},
      {"403 No", "AuthorizationFailure", ErrorKind::forbidden, Action::give_up, "network rules"},
      {"403 No", "AuthorizationProtocolMismatch", ErrorKind::forbidden, Action::fatal, "spr"},
      {"403 No", "AuthorizationSourceIPMismatch", ErrorKind::forbidden, Action::fatal, "sip"},
      {"403 No", "KeyBasedAuthenticationNotPermitted", ErrorKind::forbidden, Action::fatal, "shared keys"},
      {"403 No", "AccountIsDisabled", ErrorKind::forbidden, Action::fatal, "account is disabled"},
      {"403 No", "KeyVaultVaultNotFound", ErrorKind::forbidden, Action::fatal, "customer-managed key"},
      {"403 No", "", ErrorKind::forbidden, Action::fatal, "does not allow this"},
      {"404 None", "ContainerNotFound", ErrorKind::not_found, Action::fatal, "create the container lake"},
      {"404 None", "BlobNotFound", ErrorKind::not_found, Action::give_up, "no blob has this name"},
      {"404 None", "", ErrorKind::not_found, Action::give_up, "nothing has this name"},
      {"405 No", "", ErrorKind::invalid_input, Action::fatal, "PUT and HEAD"},
      {"408 Late", "", ErrorKind::timed_out, Action::retry, "usually passes"},
      {"409 Conflict", "BlobAlreadyExists", ErrorKind::already_exists, Action::give_up, "the name is taken"},
      {"409 Conflict", "BlobImmutableDueToPolicy", ErrorKind::already_exists, Action::give_up, "retention"},
      {"409 Conflict", "BlobArchived", ErrorKind::already_exists, Action::give_up, "archive tier"},
      {"409 Conflict", "BlobOperationNotSupported", ErrorKind::unsupported, Action::fatal, "StorageV2"},
      {"409 Conflict", "PathConflict", ErrorKind::unsupported, Action::fatal, "a directory has this name"},
      {"409 Conflict", "ContainerBeingDeleted", ErrorKind::unavailable, Action::retry, "being deleted"},
      {"409 Conflict", "SomethingNew", ErrorKind::unavailable, Action::retry, "may pass"},
      {"409 Conflict", "", ErrorKind::already_exists, Action::give_up, "the name is taken"},
      {"412 Condition", "LeaseIdMissing", ErrorKind::already_exists, Action::give_up, "lease"},
      {"412 Condition", "", ErrorKind::already_exists, Action::give_up, "the name is taken"},
      {"413 Long", "RequestBodyTooLarge", ErrorKind::invalid_input, Action::fatal, "lower sink.block_bytes"},
      {"416 Range", "InvalidRange", ErrorKind::invalid_input, Action::give_up, "shorter than this"},
      {"418 Teapot", "", ErrorKind::invalid_input, Action::fatal, "refuses the request as it stands"},
      {"429 Many", "TooManyRequests", ErrorKind::throttled, Action::retry, "asks to slow down"},
      {"429 Many", "", ErrorKind::throttled, Action::retry,
       "asks for a pause of 400 s, and is asked again after 300 s", "Retry-After: 400\r\n"},
      {"500 Fault", "InternalError", ErrorKind::unavailable, Action::retry, "a fault of the service"},
      {"500 Fault", "OperationTimedOut", ErrorKind::throttled, Action::retry, "asked too much"},
      {"500 Fault", "", ErrorKind::unavailable, Action::retry, "a fault of the service"},
      {"501 None", "APINotImplemented", ErrorKind::unsupported, Action::fatal, "an emulator is too old"},
      {"502 Gate", "", ErrorKind::unavailable, Action::retry, "a fault of the service"},
      {"503 Busy", "ServerBusy", ErrorKind::throttled, Action::retry, "slow down; it asks for a pause of 7 s",
       "Retry-After: 7\r\n"},
      {"503 Busy", "", ErrorKind::unavailable, Action::retry, "a fault of the service"},
      {"504 Gate", "", ErrorKind::timed_out, Action::retry, "a fault of the service"},
      {"599 What", "Whatever", ErrorKind::unavailable, Action::retry, "a fault of the service"},
      {"302 Found", "", ErrorKind::unsupported, Action::fatal, "see whether the sink's URL",
       "Location: http://127.0.0.1:1/elsewhere?sig=topsecret\r\n"},
      {"307 Moved", "", ErrorKind::unsupported, Action::fatal, "see whether the sink's URL",
       "Location: /acct/elsewhere\r\n"},
      {"204 Empty", "", ErrorKind::unsupported, Action::fatal, "see whether the sink's URL"},
  };
  for (const OperationName& operation : k_operations) {
    for (const Refused& refused : k_refusals) {
      std::string headers = "x-ms-request-id: 6e8a0c4b-001e-0034-5c3b\r\n" + std::string(refused.headers);
      std::string body;
      if (!refused.code.empty()) {
        headers += "x-ms-error-code: " + std::string(refused.code) + "\r\n";
        body = "<Error><Code>" + std::string(refused.code) + "</Code><Message>sig=x</Message></Error>";
      }
      expect_refusal(operation, {answer(refused.status, headers, body, operation.operation)}, refused.kind,
                     refused.action, refused.words);
    }
  }
}

// Something on the way answers in the place of the service.
TEST(AzureFaults, every_operation_times_web_pages) {
  constexpr Refused k_pages[] = {
      {"200 OK", "", ErrorKind::unsupported, Action::fatal, ""},
      {"302 Found", "", ErrorKind::unsupported, Action::fatal, ""},
      {"400 Bad", "", ErrorKind::invalid_input, Action::fatal, ""},
      {"403 No", "", ErrorKind::forbidden, Action::fatal, ""},
      {"404 None", "", ErrorKind::unsupported, Action::fatal, ""},
      {"502 Gate", "", ErrorKind::unavailable, Action::retry, ""},
      {"503 Busy", "", ErrorKind::unavailable, Action::retry, ""},
      {"511 Login", "", ErrorKind::unavailable, Action::retry, ""},
  };
  constexpr std::string_view k_page = "<!DOCTYPE html><title>Log in, sig=topsecret</title>";
  for (const OperationName& operation : k_operations) {
    for (const Refused& page : k_pages) {
      const bool is_list = operation.operation == Operation::list && page.status == "200 OK";
      if (is_list) {
        continue;  // below: a page where XML is awaited
      }
      expect_refusal(operation, {answer(page.status, "", k_page, operation.operation)}, page.kind,
                     page.action, "something in between");
    }
    expect_refusal(operation, {answer("407 Proxy", "", k_page, operation.operation)}, ErrorKind::forbidden,
                   Action::fatal, "write it into https_proxy");
    expect_refusal(operation, {answer("413 Long", "", k_page, operation.operation)}, ErrorKind::invalid_input,
                   Action::fatal, "lower sink.block_bytes");
  }
}

TEST(AzureFaults, every_operation_times_broken_connections) {
  for (const OperationName& operation : k_operations) {
    const std::string begun = "HTTP/1.1 " + std::string(operation.expected) + "\r\n";
    const std::string head = begun + "x-ms-request-id: 1\r\nContent-Length: 100\r\n\r\n";
    expect_refusal(operation, {"", SIZE_MAX, Step::Then::close}, ErrorKind::unavailable, Action::retry,
                   "without an answer");
    expect_refusal(operation, {begun, SIZE_MAX, Step::Then::close}, ErrorKind::unavailable, Action::retry,
                   "within the answer (its head is cut)");
    expect_refusal(operation, {"", SIZE_MAX, Step::Then::hold}, ErrorKind::timed_out, Action::retry,
                   "not a byte has moved");
    expect_refusal(operation, {begun, SIZE_MAX, Step::Then::hold}, ErrorKind::timed_out, Action::retry,
                   "not a byte has moved");
    expect_refusal(operation, {"SSH-2.0-OpenSSH_9.2\r\n", SIZE_MAX, Step::Then::close},
                   ErrorKind::invalid_input, Action::fatal, "the answer is not HTTP");
    if (operation.operation == Operation::get_properties) {
      continue;  // no body to cut
    }
    expect_refusal(operation, {head + "<part", SIZE_MAX, Step::Then::close}, ErrorKind::unavailable,
                   Action::retry, "within the answer");
    expect_refusal(operation, {head + "<part", SIZE_MAX, Step::Then::hold}, ErrorKind::timed_out,
                   Action::retry, "not a byte has moved");
    expect_refusal(operation,
                   {answer(operation.expected, "", std::string(http::k_response_bytes_max + 1, 'x'),
                           operation.operation),
                    SIZE_MAX, Step::Then::close},
                   ErrorKind::unavailable, Action::retry, "longer than its limit");
  }
}

// What is a success by its status, and is none.
TEST(AzureFaults, successes_that_are_none) {
  const OperationName& put_blob = k_operations[0];
  const OperationName& put_block = k_operations[1];
  const OperationName& list = k_operations[4];
  const OperationName& read = k_operations[5];
  const Step wrong_checksum = test::answers("201 Created", "x-ms-content-crc64: AAAAAAAAAAA=\r\n");
  expect_refusal(put_blob, wrong_checksum, ErrorKind::corrupt, Action::fatal, "delete it, then start again");
  expect_refusal(put_block, wrong_checksum, ErrorKind::corrupt, Action::retry, "not used, sent again");
  expect_refusal(read, test::answers("200 OK", "x-ms-request-id: 1\r\n", "Hello World"),
                 ErrorKind::unsupported, Action::fatal, "not an answer of the Blob service");
  for (const std::string_view body :
       {"", "<EnumerationResults><Blobs><Blob><Name>raw/a", "<html><body>Log in</body></html>",
        "<!DOCTYPE html><title>Log in</title>", "{}"}) {
    Cell cell(test::answers("200 OK", "x-ms-request-id: 1\r\n", body));
    const std::optional<Error> error = cell.call(list.operation);
    ASSERT_TRUE(error.has_value()) << body;
    EXPECT_EQ(error->kind, ErrorKind::corrupt) << body;
  }
}

// The table above would be worth nothing if no operation ever succeeded here.
TEST(AzureFaults, every_operation_succeeds_without_a_fault) {
  for (const OperationName& operation : k_operations) {
    const std::string_view body = operation.operation == Operation::list
                                      ? "<EnumerationResults><Blobs></Blobs></EnumerationResults>"
                                      : "";
    Cell cell({answer(operation.expected, "x-ms-request-id: 1\r\n", body, operation.operation)});
    const std::optional<Error> error = cell.call(operation.operation);
    EXPECT_FALSE(error.has_value()) << operation.name << ": " << error.value_or(Error{}).message;
  }
}

}  // namespace
}  // namespace penstock::lake
