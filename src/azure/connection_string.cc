#include "azure/connection_string.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

#include "azure/trimmed.h"
#include "base/concat.h"

namespace penstock::azure {

namespace {

// The emulator's account: public, the same on every machine.
// https://learn.microsoft.com/azure/storage/common/storage-use-azurite
constexpr std::string_view k_development_endpoint = "http://127.0.0.1:10000/devstoreaccount1";
constexpr std::string_view k_development_account = "devstoreaccount1";
constexpr std::string_view k_development_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

enum Key : std::size_t {
  account_name,
  account_key,
  shared_access_signature,
  blob_endpoint,
  endpoint_suffix,
  default_endpoints_protocol,
  use_development_storage,
  key_count,
};
constexpr std::array<std::string_view, key_count> k_names = {
    "AccountName",          "AccountKey",     "SharedAccessSignature",
    "BlobEndpoint",         "EndpointSuffix", "DefaultEndpointsProtocol",
    "UseDevelopmentStorage"};
using Values = std::array<std::string_view, key_count>;

Error invalid(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat("connection string: ", message));
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Result<Values> split(std::string_view text) {
  Values values;
  for (std::size_t part_number = 1; !text.empty(); ++part_number) {
    const std::string_view part = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (trimmed(part).empty()) {
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return invalid(concat("part ", part_number, " is not Key=Value: copy the whole string again"));
    }
    const std::string_view name = trimmed(part.substr(0, equals));
    const auto* known = std::find_if(k_names.begin(), k_names.end(),
                                     [&](std::string_view candidate) { return same_word(candidate, name); });
    if (known != k_names.end()) {
      values[static_cast<std::size_t>(known - k_names.begin())] = trimmed(part.substr(equals + 1));
    }
  }
  return values;
}

Result<Credential> credential_of(const Values& values) {
  if (!values[shared_access_signature].empty()) {
    auto sas = make_sas(values[shared_access_signature]);
    if (!sas.ok()) {
      return invalid(concat("SharedAccessSignature: ", sas.error().message));
    }
    return Credential{*std::move(sas)};
  }
  if (values[account_key].empty()) {
    return invalid("AccountKey is missing, and so is SharedAccessSignature: one of them is needed");
  }
  if (values[account_name].empty()) {
    return invalid("AccountName is missing");
  }
  auto key = make_shared_key(values[account_name], values[account_key]);
  if (!key.ok()) {
    return invalid(concat("AccountKey: ", key.error().message));
  }
  return Credential{*std::move(key)};
}

Result<std::string> endpoint_of(const Values& values) {
  if (!values[blob_endpoint].empty()) {
    std::string_view endpoint = values[blob_endpoint];
    while (endpoint.ends_with('/')) {
      endpoint.remove_suffix(1);
    }
    return std::string(endpoint);
  }
  if (values[account_name].empty()) {
    return invalid("BlobEndpoint is missing, and so is AccountName: one of them is needed");
  }
  const std::string_view protocol =
      values[default_endpoints_protocol].empty() ? "https" : values[default_endpoints_protocol];
  if (!same_word(protocol, "https")) {
    return invalid("DefaultEndpointsProtocol must be https (an emulator on http is named by BlobEndpoint)");
  }
  const std::string_view suffix =
      values[endpoint_suffix].empty() ? "core.windows.net" : values[endpoint_suffix];
  return concat("https://", values[account_name], ".blob.", suffix);
}

}  // namespace

Result<ConnectionString> parse_connection_string(std::string_view text) {
  auto split_text = split(trimmed(text));
  if (!split_text.ok()) {
    return std::move(split_text).error();
  }
  Values values = *split_text;
  if (same_word(values[use_development_storage], "true")) {
    values[account_name] = k_development_account;
    values[account_key] = k_development_key;
    values[blob_endpoint] = k_development_endpoint;
  }
  auto endpoint = endpoint_of(values);
  if (!endpoint.ok()) {
    return std::move(endpoint).error();
  }
  auto credential = credential_of(values);
  if (!credential.ok()) {
    return std::move(credential).error();
  }
  return ConnectionString{*std::move(endpoint), *std::move(credential)};
}

}  // namespace penstock::azure
