#include "azure/connection_string.h"

#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/connection_parts.h"
#include "base/letter_case.h"

namespace penstock::azure {

namespace {

// The emulator's account: public, the same on every machine.
// https://learn.microsoft.com/azure/storage/common/storage-use-azurite
constexpr std::string_view k_development_endpoint = "http://127.0.0.1:10000/devstoreaccount1";
constexpr std::string_view k_development_account = "devstoreaccount1";
constexpr std::string_view k_development_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

// The values that matter here; an absent one is empty.
struct Values {
  std::string account_name;
  std::string account_key;
  std::string shared_access_signature;
  std::string blob_endpoint;
  std::string endpoint_suffix;
};

Error invalid(std::string_view message) {
  return invalid_input(concat("the connection string: ", message));
}

Result<Values> values_of(std::string_view text) {
  const Result<std::vector<ConnectionPart>> parts = connection_parts(text);
  if (!parts.ok()) {
    return invalid(parts.error().message);
  }
  if (same_word(value_of_part(*parts, "UseDevelopmentStorage"), "true")) {
    return Values{.account_name = std::string(k_development_account),
                  .account_key = std::string(k_development_key),
                  .shared_access_signature = {},
                  .blob_endpoint = std::string(k_development_endpoint),
                  .endpoint_suffix = {}};
  }
  const std::string protocol = value_of_part(*parts, "DefaultEndpointsProtocol");
  Values values{.account_name = value_of_part(*parts, "AccountName"),
                .account_key = value_of_part(*parts, "AccountKey"),
                .shared_access_signature = value_of_part(*parts, "SharedAccessSignature"),
                .blob_endpoint = value_of_part(*parts, "BlobEndpoint"),
                .endpoint_suffix = value_of_part(*parts, "EndpointSuffix")};
  if (values.blob_endpoint.empty() && !protocol.empty() && !same_word(protocol, "https")) {
    return invalid("DefaultEndpointsProtocol must be https (an emulator on http is named by BlobEndpoint)");
  }
  return values;
}

Result<Credential> credential_of(const Values& values) {
  if (!values.shared_access_signature.empty()) {
    auto sas = make_sas(values.shared_access_signature);
    if (!sas.ok()) {
      return invalid(concat("SharedAccessSignature: ", sas.error().message));
    }
    return Credential{*std::move(sas)};
  }
  if (values.account_key.empty()) {
    return invalid("AccountKey is missing, and so is SharedAccessSignature: one of them is needed");
  }
  if (values.account_name.empty()) {
    return invalid("AccountName is missing");
  }
  auto key = make_shared_key(values.account_name, values.account_key);
  if (!key.ok()) {
    return invalid(concat("AccountKey: ", key.error().message));
  }
  return Credential{*std::move(key)};
}

std::string endpoint_of(const Values& values) {
  if (!values.blob_endpoint.empty()) {
    return values.blob_endpoint.substr(0, values.blob_endpoint.find_last_not_of('/') + 1);
  }
  if (values.account_name.empty() || values.endpoint_suffix.empty()) {
    return {};
  }
  return concat("https://", values.account_name, ".blob.", values.endpoint_suffix);
}

std::string_view without_default_port(std::string_view origin) {
  constexpr std::string_view k_https_port = ":443";
  return origin.ends_with(k_https_port) ? origin.substr(0, origin.size() - k_https_port.size()) : origin;
}

}  // namespace

Result<ConnectionString> parse_connection_string(std::string_view text) {
  const Result<Values> values = values_of(text);
  if (!values.ok()) {
    return values.error();
  }
  auto credential = credential_of(*values);
  if (!credential.ok()) {
    return std::move(credential).error();
  }
  return ConnectionString{endpoint_of(*values), *std::move(credential)};
}

Result<void> check_same_store(const ConnectionString& string, const Endpoint& sink) {
  if (string.blob_endpoint.empty()) {
    return {};
  }
  const Result<Endpoint> own = parse_endpoint(string.blob_endpoint + "/container");
  if (!own.ok()) {
    return invalid("BlobEndpoint is no address of a blob store: copy the whole string again");
  }
  if (!own->account_is_certain || !sink.account_is_certain) {
    return {};
  }
  const bool emulator = !own->base_path.empty() && !sink.base_path.empty();
  if (own->account == sink.account &&
      (emulator || without_default_port(own->origin) == without_default_port(sink.origin))) {
    return {};
  }
  return invalid("its store is not the one in sink.url: correct one of them");
}

}  // namespace penstock::azure
