// What a token service, or somebody in its place, answers. The first byte chooses the source (its lower three
// bits) and whether the rest is a challenge of Arc's agent (the highest bit). Else the rest is a status and a
// Retry-After, a line each, and the body.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "identity/token_exchange.h"

namespace penstock::identity {
namespace {

constexpr WallTime k_now{std::chrono::seconds{1769817600}};  // 2026-01-31T00:00:00Z
constexpr std::string_view k_secret = "whatTheApplicationKnows";

TokenSource source_of(unsigned choice) {
  constexpr const char* k_tenant = "11111111-2222-3333-4444-555555555555";
  constexpr const char* k_authority = "https://login.microsoftonline.com";
  switch (choice % 6) {
    case 0:
      return ManagedIdentity{MetadataService::imds, "http://169.254.169.254/x", "", "", "", ""};
    case 1:
      return ManagedIdentity{
          MetadataService::app_service, "http://127.0.0.1/x", std::string(k_secret), "", "", ""};
    case 2:
      return ManagedIdentity{MetadataService::arc, "http://127.0.0.1/x", "", "client", "", ""};
    case 3:
      return WorkloadIdentity{k_authority, k_tenant, "client", "/token"};
    case 4:
      return ClientSecret{k_authority, k_tenant, "client", {}};
    default:
      return ClientCertificate{k_authority, k_tenant, "client", "/pem"};
  }
}

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// One sentence for an operator, whatever came, and an action that leaves the process running.
void check_error(const Error& error) {
  CHECK(error.message.starts_with("asking "));
  CHECK(is_printable(error.message));
  CHECK(error.message.size() < 800U);
  CHECK(is_printable(error.code));
  CHECK(error.code.size() <= 40U);
  CHECK((error.action == Action::retry || error.action == Action::give_up));
  if (error.retry_after) {
    CHECK((*error.retry_after >= std::chrono::milliseconds{0}));
    CHECK((*error.retry_after <= std::chrono::minutes{5}));
  }
}

// The answer of a service that sends back what it was sent: none of it may be in the sentence but in the
// fields that name and date the answer, whose form a secret could have. So it is put into the description.
void check_no_echo(const TokenSource& source, int status) {
  http::Response answer;
  answer.status = status;
  answer.body = "{\"error_description\":\"AADSTS7000215: " + std::string(k_secret) + "\"}";
  const auto token = read_token_answer(source, answer, k_now);
  CHECK(!token.ok());
  CHECK(token.error().message.find(k_secret) == std::string::npos);
}

void check_answer(const TokenSource& source, std::string_view input) {
  http::Response answer;
  const std::string_view status = take_line(input);
  std::from_chars(status.data(), status.data() + status.size(), answer.status);
  answer.headers.add("Retry-After", std::string(take_line(input)));
  answer.body = std::string(input);
  const Result<Token> token = read_token_answer(source, answer, k_now);
  check_no_echo(source, answer.status);
  if (!token.ok()) {
    check_error(token.error());
    for (const std::uint32_t tries : {0U, 1U, 5U, 1000U}) {
      const Duration pause = retry_pause(source, token.error(), tries);
      CHECK((pause >= std::chrono::seconds{1}));
      CHECK((pause <= std::chrono::minutes{5}));
    }
    return;
  }
  CHECK(answer.status == 200);
  CHECK(!token->text.empty());
  CHECK(token->text.find_first_of(" \r\n\t") == std::string::npos);  // it goes into a header
  CHECK(is_printable(token->text));
  CHECK((token->expires > k_now));
  CHECK((token->renew > k_now));
  CHECK((token->renew < token->expires));
}

// SSRF guard: whatever the challenge says, no other file is read than a key of the agent's.
void check_challenge(std::string_view input) {
  constexpr std::string_view k_directory = "/var/opt/azcmagent/tokens/";
  http::Response answer;
  answer.status = 401;
  answer.headers.add("WWW-Authenticate", std::string(input));
  const Result<std::string> file = arc_challenge_file(answer);
  if (!file.ok()) {
    check_error(file.error());
    return;
  }
  CHECK(file->starts_with(k_directory));
  CHECK(file->ends_with(".key"));
  CHECK(file->find('/', k_directory.size()) == std::string::npos);
  CHECK(is_printable(*file));
  CHECK(input.find(*file) != std::string_view::npos);
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const unsigned choice = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  if (choice >= 0x80U) {
    check_challenge(input);
  } else {
    check_answer(source_of(choice & 7U), input);
  }
}

}  // namespace
}  // namespace penstock::identity

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::identity::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
