#include "appliance/check_token.h"

#include <atomic>
#include <chrono>

#include "base/concat.h"
#include "base/units.h"
#include "base/utc_text.h"

namespace penstock::appliance {
namespace {

// For both sides together: a few tries of a service that does not answer.
constexpr Duration k_token_wait = std::chrono::seconds(15);

CheckRow row_of(const NamedTokens& side, Duration wait) {
  const std::atomic<bool> stop{false};
  const Result<identity::Token> token = await_token(*side.cache, wait, stop);
  const std::string description = side.cache->standing().description;
  if (!token.ok()) {
    return {.name = "token",
            .severity = CheckSeverity::fault,
            .text = concat(side.side, ": none of ", description, ": ", token.error().message)};
  }
  const auto left = token->expires - system_clock().wall_now();
  const Duration rounded = left < std::chrono::minutes(2)
                               ? Duration(std::chrono::duration_cast<std::chrono::seconds>(left))
                               : Duration(std::chrono::duration_cast<std::chrono::minutes>(left));
  return {.name = "token",
          .severity = CheckSeverity::ok,
          .text = concat(side.side, ": ", description, ", until ", utc_text(token->expires), ", which is in ",
                         format_duration(rounded))};
}

}  // namespace

std::vector<CheckRow> check_tokens(const Tokens& tokens) {
  const MonoTime deadline = system_clock().now() + k_token_wait;
  std::vector<CheckRow> rows;
  for (const NamedTokens& side : tokens.sides()) {
    rows.push_back(row_of(side, deadline - system_clock().now()));
  }
  return rows;
}

}  // namespace penstock::appliance
