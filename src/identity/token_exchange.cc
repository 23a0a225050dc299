// How it works
//
// Each source has one request (token_request) and one way to read what comes back (read_token_answer). They
// differ in the address, in how the source proves who it is, and in how an error looks. The answer with a
// token is the same for all but for the form of its times.
//
// For example, a virtual machine with a system-assigned identity, for storage:
//
//   GET http://169.254.169.254/metadata/identity/oauth2/token
//       ?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com
//   Metadata: true
//
//   {"access_token":"eyJ0...","expires_in":"86399","expires_on":"1769904000","token_type":"Bearer", ...}
//
// 1. expires_on says when it ends, as a text here, and as a number elsewhere. Both are taken.
// 2. There is no refresh_in, and it lives for a day: it is renewed after twelve hours.
// 3. Had the answer been 400, no identity would be assigned to the machine, or not the one that was named.
//    Nothing but a person can mend that, so the action is give_up. It is asked again all the same, as a
//    person may.
#include "identity/token_exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "base/percent_encode.h"
#include "codec/json_members.h"
#include "identity/entra_errors.h"
#include "identity/retry_after.h"
#include "identity/token_endpoint.h"

namespace penstock::identity {
namespace {

using std::chrono::seconds;

constexpr std::string_view k_default_scope = "/.default";
constexpr std::string_view k_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// A life below this is a test's, or a service's in trouble.
constexpr seconds k_short_life{600};

// Later than any token ends, and within what a WallTime holds.
constexpr double k_seconds_max = 9e9;

// Longer than any token lives, and within what a WallTime holds beyond now.
constexpr seconds k_life_max{1'000'000'000};

std::string_view resource_of(std::string_view scope) {
  return scope.ends_with(k_default_scope) ? scope.substr(0, scope.size() - k_default_scope.size()) : scope;
}

// Names and values, joined as a query or a form.
std::string joined(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out += concat(out.empty() ? "" : "&", name, "=", percent_encode(value));
  }
  return out;
}

struct ServiceForm {
  std::string_view version;
  std::string_view resource_id_name;  // each service has its own spelling, and some ignore the other one
  std::string_view name;
};

const ServiceForm& form_of(MetadataService service) {
  static constexpr std::array<ServiceForm, 3> k_forms = {{
      {"2018-02-01", "msi_res_id", "the metadata service of this machine"},
      {"2019-08-01", "mi_res_id", "the identity endpoint of App Service"},
      {"2020-06-01", "msi_res_id", "the agent of Azure Arc"},
  }};
  return k_forms[static_cast<std::size_t>(service)];
}

struct RequestOf {
  std::string_view scope;
  std::string_view proof;

  TokenRequest operator()(const ManagedIdentity& source) const {
    const ServiceForm& form = form_of(source.service);
    TokenRequest request;
    request.url = concat(source.endpoint, "?",
                         joined({{"api-version", form.version}, {"resource", resource_of(scope)}}));
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{"client_id", source.client_id},
          {"object_id", source.object_id},
          {form.resource_id_name, source.resource_id}}) {
      if (!value.empty()) {
        request.url += concat("&", name, "=", percent_encode(value));
      }
    }
    if (source.service == MetadataService::app_service) {
      request.headers.add("X-IDENTITY-HEADER", source.identity_header);
    } else {
      request.headers.add("Metadata", "true");
    }
    if (source.service == MetadataService::arc && !proof.empty()) {
      request.headers.add("Authorization", concat("Basic ", proof));
    }
    return request;
  }

  TokenRequest operator()(const WorkloadIdentity& source) const {
    return by_assertion(source.authority, source.tenant_id, source.client_id);
  }

  TokenRequest operator()(const ClientCertificate& source) const {
    return by_assertion(source.authority, source.tenant_id, source.client_id);
  }

  TokenRequest operator()(const ClientSecret& source) const {
    return form(source.authority, source.tenant_id,
                joined({{"grant_type", "client_credentials"},
                        {"client_id", source.client_id},
                        {"scope", scope},
                        {"client_secret", proof}}));
  }

  TokenRequest by_assertion(std::string_view authority, std::string_view tenant,
                            std::string_view client) const {
    return form(authority, tenant,
                joined({{"grant_type", "client_credentials"},
                        {"client_id", client},
                        {"scope", scope},
                        {"client_assertion_type", k_assertion_type},
                        {"client_assertion", proof}}));
  }

  static TokenRequest form(std::string_view authority, std::string_view tenant, std::string body) {
    TokenRequest request;
    request.method = http::Method::post;
    request.url = token_endpoint(authority, tenant);
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.headers.add("Accept", "application/json");
    request.body = std::move(body);
    request.may_use_proxy = true;
    return request;
  }
};

// "a token of Entra (login.microsoftonline.com, tenant ..., client ...)"
struct AskingOf {
  std::string operator()(const ManagedIdentity& source) const {
    return concat("asking ", form_of(source.service).name, " for a token");
  }
  std::string operator()(const WorkloadIdentity& source) const {
    return of_entra(source.authority, source.tenant_id, source.client_id);
  }
  std::string operator()(const ClientSecret& source) const {
    return of_entra(source.authority, source.tenant_id, source.client_id);
  }
  std::string operator()(const ClientCertificate& source) const {
    return of_entra(source.authority, source.tenant_id, source.client_id);
  }
  static std::string of_entra(std::string_view authority, std::string_view tenant, std::string_view client) {
    return concat("asking ", http::host_of(authority), " for a token of client ", client, " in tenant ",
                  tenant);
  }
};

// A number, or a text that is one.
std::optional<seconds> seconds_in(const codec::JsonMembers& members, std::string_view name) {
  double value = 0;
  if (const auto number = members.numbers.find(name); number != members.numbers.end()) {
    value = number->second;
  } else if (const auto text = members.texts.find(name); text != members.texts.end()) {
    const std::string& digits = text->second;
    std::uint64_t whole = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
    if (fault != std::errc{} || end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    value = static_cast<double>(whole);
  } else {
    return std::nullopt;
  }
  if (!(value >= 0 && value <= k_seconds_max)) {
    return std::nullopt;
  }
  return seconds{static_cast<std::int64_t>(value)};
}

Error no_token(std::string_view asking, std::string_view why) {
  return make_error(
      ErrorKind::unavailable, Action::retry,
      concat(asking, ": the answer has no token: ", why, "; see whether something else answers in its place"),
      "200");
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

WallTime renewal_of(const codec::JsonMembers& members, WallTime now, WallTime expires) {
  const auto life = expires - now;
  if (const auto refresh = seconds_in(members, "refresh_in");
      refresh && *refresh<life&& * refresh> seconds{0}) {
    return now + *refresh;
  }
  return now + (life < k_short_life ? life * 4 / 5 : life / 2);
}

// An agent of Arc that does not know of user-assigned identities gives the machine's in their place.
bool is_another_identity(const ManagedIdentity& source, const codec::JsonMembers& members) {
  if (source.service != MetadataService::arc) {
    return false;
  }
  for (const auto& [name, wanted] :
       {std::pair<std::string_view, const std::string&>{"client_id", source.client_id},
        {"object_id", source.object_id},
        {"msi_res_id", source.resource_id}}) {
    const auto found = members.texts.find(name);
    if (!wanted.empty() && (found == members.texts.end() || found->second != wanted)) {
      return true;
    }
  }
  return false;
}

Result<Token> read_token(const http::Response& answer, std::string_view asking,
                         const ManagedIdentity* managed, WallTime now) {
  const auto members = codec::json_members(answer.body);
  if (!members) {
    return no_token(asking, "it is no JSON object");
  }
  const auto text = members->texts.find("access_token");
  if (text == members->texts.end() || !is_token(text->second)) {
    return no_token(asking, "access_token is missing, or is none");
  }
  const auto on = seconds_in(*members, "expires_on");
  auto in = seconds_in(*members, "expires_in");
  if (in && *in > k_life_max) {
    in.reset();
  }
  if (!on && !in) {
    return no_token(asking, "it does not say when it expires");
  }
  const WallTime expires = on ? WallTime{*on} : now + *in;
  if (expires <= now) {
    return no_token(asking, "it has expired already: see this machine's clock");
  }
  if (managed != nullptr && is_another_identity(*managed, *members)) {
    return make_error(ErrorKind::unauthenticated, Action::give_up,
                      concat(asking,
                             ": it gave that of another identity than was asked for: update the agent, or "
                             "take the machine's own identity"),
                      "another identity");
  }
  return Token{.text = text->second, .expires = expires, .renew = renewal_of(*members, now, expires)};
}

// What a metadata service says, by its status: its words are not for branching.
Error metadata_error(const ManagedIdentity& source, const http::Response& answer, std::string_view asking) {
  struct Row {
    int status;
    ErrorKind kind;
    Action action;
    std::string_view what;
  };
  static constexpr std::string_view k_in_trouble = "it has a fault of its own";
  static constexpr std::array<Row, 8> k_rows = {{
      {400, ErrorKind::unauthenticated, Action::give_up,
       "no identity is assigned to this machine, or not the one that is named: assign one, and see "
       "client_id"},
      {401, ErrorKind::unauthenticated, Action::give_up, "it refuses whoever asks: see who penstock runs as"},
      {403, ErrorKind::unauthenticated, Action::give_up,
       "it cannot be reached from here, or the identity is refused"},
      {404, ErrorKind::unavailable, Action::retry, "it is not there yet"},
      {408, ErrorKind::unavailable, Action::retry, k_in_trouble},
      {410, ErrorKind::unavailable, Action::retry, "it is being updated, which takes up to 70 s"},
      {429, ErrorKind::throttled, Action::retry, "it asks to slow down"},
      {500, ErrorKind::unavailable, Action::retry, k_in_trouble},
  }};
  const auto* row = std::find_if(k_rows.begin(), k_rows.end(), [&answer](const Row& candidate) {
    return candidate.status == answer.status || (candidate.status == 500 && answer.status > 500);
  });
  const bool known = row != k_rows.end();
  std::string_view what =
      known ? row->what : "an answer that is none of its own: see what answers in its place";
  if (known && answer.status == 401 && source.service == MetadataService::arc) {
    what = "it refuses the key of its challenge: penstock must run as root, or be in the group himds";
  }
  Error error =
      make_error(known ? row->kind : ErrorKind::unavailable, known ? row->action : Action::give_up,
                 concat(asking, ": ", what, " (", answer.status, ")"), std::to_string(answer.status));
  error.retry_after = retry_after_of(answer);
  return error;
}

// The `tries`-th of a row of pauses that ends in `last`.
template <std::size_t count>
Duration nth(const std::array<std::chrono::milliseconds, count>& pauses, std::uint32_t tries) {
  return pauses[std::min<std::size_t>(std::max(tries, 1U) - 1, count - 1)];
}

}  // namespace

TokenRequest token_request(const TokenSource& source, std::string_view scope, std::string_view proof) {
  return std::visit(RequestOf{scope, proof}, source);
}

Result<Token> read_token_answer(const TokenSource& source, const http::Response& answer, WallTime now) {
  const std::string asking = std::visit(AskingOf{}, source);
  const auto* managed = std::get_if<ManagedIdentity>(&source);
  if (answer.status == 200) {
    return read_token(answer, asking, managed, now);
  }
  return managed != nullptr ? metadata_error(*managed, answer, asking) : entra_error(answer, asking);
}

Error unanswered(const TokenSource& source, Error error) {
  error.message = concat(std::visit(AskingOf{}, source), ": ", error.message);
  return error;
}

Result<std::string> arc_challenge_file(const http::Response& answer) {
  constexpr std::string_view k_basic = "Basic realm=";
  constexpr std::string_view k_directory = "/var/opt/azcmagent/tokens/";
  constexpr std::string_view k_suffix = ".key";
  std::string_view path = answer.headers.find("WWW-Authenticate").value_or("");
  if (!path.starts_with(k_basic)) {
    return make_error(ErrorKind::unauthenticated, Action::give_up,
                      "asking the agent of Azure Arc for a token: its 401 names no file of a key", "401");
  }
  path.remove_prefix(k_basic.size());
  if (path.size() >= 2 && path.starts_with('"') && path.ends_with('"')) {
    path = path.substr(1, path.size() - 2);
  }
  const std::string_view name =
      path.starts_with(k_directory) ? path.substr(k_directory.size()) : std::string_view{};
  const bool is_plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~' && c != '/'; });
  if (name.size() <= k_suffix.size() || !name.ends_with(k_suffix) || !is_plain) {
    return make_error(
        ErrorKind::unauthenticated, Action::give_up,
        concat("asking the agent of Azure Arc for a token: its 401 names a file that is no key in ",
               k_directory, ": something else may answer in its place"),
        "401");
  }
  return std::string(path);
}

Duration retry_pause(const TokenSource& source, const Error& error, std::uint32_t tries) {
  using std::chrono::milliseconds;
  static constexpr std::array<milliseconds, 5> k_updating = {seconds{5}, seconds{10}, seconds{20},
                                                             seconds{40}, seconds{60}};
  static constexpr std::array<milliseconds, 6> k_metadata = {milliseconds{1600}, milliseconds{3200},
                                                             milliseconds{6400}, milliseconds{12800},
                                                             seconds{25},        seconds{60}};
  static constexpr std::array<milliseconds, 7> k_entra = {seconds{1},  seconds{2},  seconds{4}, seconds{8},
                                                          seconds{16}, seconds{32}, seconds{60}};
  static constexpr std::array<milliseconds, 4> k_a_person = {seconds{10}, seconds{20}, seconds{40},
                                                             seconds{60}};
  Duration pause = nth(k_entra, tries);
  if (error.action != Action::retry) {
    pause = nth(k_a_person, tries);
  } else if (std::holds_alternative<ManagedIdentity>(source)) {
    pause = error.code == "410" ? nth(k_updating, tries) : nth(k_metadata, tries);
  }
  return error.retry_after ? std::max<Duration>(pause, *error.retry_after) : pause;
}

std::string storage_scope() {
  return "https://storage.azure.com/.default";
}

std::string registry_scope() {
  return concat("https://eventhubs.azure.net", k_default_scope);
}

std::string event_hubs_scope(std::string_view broker) {
  return concat("https://", broker.substr(0, broker.rfind(':')), k_default_scope);
}

}  // namespace penstock::identity
