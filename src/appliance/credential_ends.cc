#include "appliance/credential_ends.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "appliance/fault_at.h"
#include "azure/connection_string.h"
#include "azure/sas_times.h"
#include "base/concat.h"
#include "base/connection_parts.h"
#include "base/units.h"
#include "base/utc_text.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_a_week = std::chrono::hours{24 * 7};

// Of the life of a signature that says when it began: one that is renewed each day is not warned of each day.
constexpr int k_part_of_life = 4;
constexpr Duration k_between_looks = std::chrono::minutes(1);
constexpr Duration k_between_warnings = std::chrono::hours{24};

// The part of a connection string that has the signature; empty if it has a key.
std::string signature_in(const std::string& connection_string) {
  const auto parts = connection_parts(connection_string);
  return parts.ok() ? value_of_part(*parts, "SharedAccessSignature") : std::string();
}

azure::SasTimes sink_times(const config::SinkAuth& auth) {
  if (auth.type == config::SinkAuthType::sas) {
    return azure::sas_times(auth.token.current());
  }
  if (auth.type == config::SinkAuthType::connection_string) {
    return azure::sas_times(signature_in(auth.value.current()));
  }
  return {};
}

std::string sink_key(const config::SinkAuth& auth) {
  return auth.type == config::SinkAuthType::sas ? "sink.auth.token" : "sink.auth.value";
}

std::string days_in(Duration left) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(left).count();
  if (hours >= 48) {
    return concat(hours / 24, " days");
  }
  return hours >= 2 ? concat(hours, " hours")
                    : concat(std::chrono::duration_cast<std::chrono::minutes>(left).count(), " minutes");
}

}  // namespace

std::vector<CredentialEnd> credential_ends(const config::Settings& settings) {
  std::vector<CredentialEnd> ends;
  if (settings.source.auth.type == source::AuthType::event_hubs) {
    if (const auto end = azure::event_hubs_sas_end(signature_in(settings.source.auth.value.current()))) {
      ends.push_back({.side = "source", .key = "source.auth.value", .begins = {}, .ends = *end});
    }
  }
  const azure::SasTimes times = sink_times(settings.sink.auth);
  if (times.ends) {
    ends.push_back(
        {.side = "sink", .key = sink_key(settings.sink.auth), .begins = times.begins, .ends = *times.ends});
  }
  return ends;
}

Result<void> check_credential_times(const config::Settings& settings, WallTime now) {
  for (const CredentialEnd& end : credential_ends(settings)) {
    if (end.ends <= now) {
      return fault_at(settings, end.key,
                      concat("holds a signature that has ended at ", utc_text(end.ends),
                             "; write a new one, or see this machine's clock, which says ", utc_text(now)));
    }
  }
  const auto begins = sink_times(settings.sink.auth).begins;
  if (begins && *begins > now) {
    return fault_at(
        settings, sink_key(settings.sink.auth),
        concat("holds a signature that begins at ", utc_text(*begins), "; this machine's clock says ",
               utc_text(now), ": write one that has begun, or set the clock"));
  }
  return {};
}

std::vector<std::string> ends_soon(const config::Settings& settings, WallTime now) {
  std::vector<std::string> sentences;
  for (const CredentialEnd& end : credential_ends(settings)) {
    const Duration left = end.ends - now;
    if (left <= (end.begins ? std::min(k_a_week, (end.ends - *end.begins) / k_part_of_life) : k_a_week)) {
      sentences.push_back(concat(
          at(settings, end.key), ": the signature ",
          left > Duration::zero() ? concat("ends in ", days_in(left), ", at ") : std::string("has ended at "),
          utc_text(end.ends),
          ": write a new one in its place; no restart is needed if it "
          "comes from a file"));
    }
  }
  return sentences;
}

CredentialWatch::CredentialWatch(const config::Settings& settings)
    : settings_(settings), gate_(k_between_warnings) {
  static_cast<void>(gate_.pass(system_clock().now()));  // the start has said it (doubts())
}

void CredentialWatch::look(MonoTime now, WallTime wall_now) {
  if (looked_ != MonoTime{} && now - looked_ < k_between_looks) {
    return;
  }
  looked_ = now;
  const std::vector<std::string> sentences = ends_soon(settings_, wall_now);
  if (!sentences.empty() && gate_.pass(now)) {
    for (const std::string& sentence : sentences) {
      obs::log(obs::Level::warning, sentence);
    }
  }
}

}  // namespace penstock::appliance
