#include "identity/entra_errors.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "codec/json_members.h"
#include "identity/retry_after.h"

namespace penstock::identity {
namespace {

struct Advice {
  std::string_view code;  // without "AADSTS"
  std::string_view what;
};

constexpr Advice k_advice[] = {
    {"7000215", "the client secret is wrong: write the secret's value, not its id"},
    {"7000222", "the client secret has expired: make a new one for the application"},
    {"7000216", "the application has to prove itself: see client_secret, certificate_file or token_file"},
    {"7000218", "the application has to prove itself: see client_secret, certificate_file or token_file"},
    {"7000229", "the application has no service principal in this tenant: make one (az ad sp create)"},
    {"700016", "the application is not in this tenant: see client_id and tenant_id"},
    {"700027", "the certificate is not registered with the application, or its signature is wrong"},
    {"700024",
     "the assertion is not within its time: see this machine's clock, and whether the token file is renewed"},
    {"70021", "no federated credential of the identity matches the token: see issuer, subject and audience"},
    {"700211", "no federated credential has the token's issuer: see the cluster's OIDC issuer address"},
    {"700212", "no federated credential has the token's audience: it is api://AzureADTokenExchange"},
    {"700213", "no federated credential has the token's subject: system:serviceaccount:NAMESPACE:NAME"},
    {"700223", "the federated credential does not allow this: see the identity's federated credentials"},
    {"700222", "the federated token has expired: see whether it is renewed"},
    {"50013", "the assertion's signature or time is wrong: see the certificate and this machine's clock"},
    {"50034", "the account is not in this tenant: see client_id and tenant_id"},
    {"50057", "the account is disabled: let an administrator enable it"},
    {"53003", "a policy of conditional access forbids it: ask an administrator of the tenant"},
    {"500011",
     "the resource is not in this tenant: see the address of the storage or the namespace, and the cloud"},
    {"500133", "the assertion is not within its time: see this machine's clock"},
    {"65001", "the application has no consent for the resource: let an administrator give it"},
    {"70011", "the scope is not one: see the cloud that authority names"},
    {"700038", "the client id is not one: see client_id"},
    {"900023", "the tenant id is not one: see tenant_id"},
    {"90002", "there is no such tenant: see tenant_id, and that authority names its cloud"},
    {"90013", "the request was not understood: see tenant_id and client_id"},
    {"7000112", "the application is disabled: let an administrator enable it"},
    {"7000113", "the application may not do this: see its registration"},
};

// "7000215" of "AADSTS7000215: Invalid client secret ...". Empty: there is none.
std::string_view code_of(std::string_view description) {
  constexpr std::string_view k_prefix = "AADSTS";
  if (!description.starts_with(k_prefix)) {
    return {};
  }
  description.remove_prefix(k_prefix.size());
  constexpr std::size_t k_digits_max = 12;
  std::size_t digits = 0;
  while (digits < description.size() && digits < k_digits_max && description[digits] >= '0' &&
         description[digits] <= '9') {
    ++digits;
  }
  return description.substr(0, digits);
}

// Of a field that names or dates the answer. Empty if it has other characters than such fields have.
std::string_view plain(std::string_view text) {
  constexpr std::size_t k_bytes_max = 64;
  const bool is_plain =
      text.size() <= k_bytes_max && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == ':' || c == '.' || c == '+' || c == ' ' || c == '_';
      });
  return is_plain ? text : std::string_view{};
}

std::string_view advice_for(std::string_view code) {
  const auto* found = std::find_if(std::begin(k_advice), std::end(k_advice),
                                   [code](const Advice& row) { return row.code == code; });
  return found == std::end(k_advice) ? std::string_view{} : found->what;
}

bool may_pass(int status) {
  return status == 408 || status == 429 || status >= 500;
}

std::string field(const std::optional<codec::JsonMembers>& members, std::string_view name) {
  if (!members) {
    return {};
  }
  const auto found = members->texts.find(name);
  return found == members->texts.end() ? std::string() : found->second;
}

// "invalid_client, AADSTS7000215, trace 1f2e..., 2026-01-31 10:00:00Z"
std::string marks_of(const std::optional<codec::JsonMembers>& members, std::string_view code) {
  std::string marks;
  const auto add = [&marks](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      marks += concat(marks.empty() ? "" : ", ", name, value);
    }
  };
  const std::string error = field(members, "error");
  const std::string trace = field(members, "trace_id");
  const std::string time = field(members, "timestamp");
  add("", plain(error));
  add("AADSTS", code);
  add("trace ", plain(trace));
  add("", plain(time));
  return marks;
}

}  // namespace

Error entra_error(const http::Response& answer, std::string_view asking) {
  const auto members = codec::json_members(answer.body);
  const std::string description = field(members, "error_description");
  const std::string_view code = code_of(description);
  const std::string marks = marks_of(members, code);
  std::string_view what = advice_for(code);
  const bool passes = may_pass(answer.status) && what.empty();
  if (what.empty()) {
    what = answer.status == 429 ? "Entra asks to slow down"
           : passes             ? "Entra has a fault of its own"
           : members            ? "Entra refuses: look its code up"
                     : "not an answer of Entra but of something in between: see authority, and what a proxy "
                       "(https_proxy) or a firewall says";
  }
  Error error =
      make_error(answer.status == 429 ? ErrorKind::throttled
                 : passes             ? ErrorKind::unavailable
                                      : ErrorKind::unauthenticated,
                 passes ? Action::retry : Action::give_up,
                 concat(asking, ": ", what, " (", answer.status, marks.empty() ? "" : ", ", marks, ")"),
                 concat(answer.status, code.empty() ? "" : " AADSTS", code));
  error.retry_after = retry_after_of(answer);
  return error;
}

}  // namespace penstock::identity
