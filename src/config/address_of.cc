#include "config/address_of.h"

#include <utility>

#include "base/concat.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/environment.h"
#include "config/keys.h"
#include "config/node_path.h"

namespace penstock::config {
namespace {

constexpr const char* k_key = "admin.listen";
constexpr const char* k_token_key = "admin.token";

// Empty: there is none.
Result<std::string> token_in(const Node& root, const Environment& environment) {
  const Node* token = node_at(root, k_token_key);
  return token == nullptr ? std::string() : expand(token->text, environment);
}

}  // namespace

Result<AdminSettings> admin_address(const std::string& listen) {
  AdminSettings address;
  if (const Complaint bad = read_listen(listen, address); !bad.empty()) {
    return invalid_input(concat("the address ", bad));
  }
  if (address.port == 0) {
    return invalid_input(
        "there is no port to ask: write the address of a running instance, such as 127.0.0.1:9464");
  }
  return address;
}

Result<AdminSettings> admin_address_in(const std::string& file) {
  const Environment environment = process_environment();
  const Result<std::string> text = environment.read_file(file);
  if (!text.ok()) {
    return text.error();
  }
  const Result<Node> root = parse_document(*text, file);
  if (!root.ok()) {
    return root.error();
  }
  const Node* listen = node_at(*root, k_key);
  Result<std::string> written =
      listen == nullptr ? std::string(find_key(k_key)->fallback) : expand(listen->text, environment);
  if (!written.ok()) {
    return invalid_input(concat(file, ":", listen->line, ": ", k_key, ": ", written.error().message));
  }
  Result<AdminSettings> address = admin_address(*written);
  if (address.ok()) {
    const Result<std::string> token = token_in(*root, environment);
    address->token = Secret(token.ok() ? *token : std::string());
  }
  return address;
}

std::string why_no_admin_token(const std::string& file) {
  const Environment environment = process_environment();
  const Result<std::string> text = environment.read_file(file);
  const Result<Node> root = text.ok() ? parse_document(*text, file) : Result<Node>(text.error());
  const Result<std::string> token = root.ok() ? token_in(*root, environment) : Result<std::string>("");
  return token.ok() ? "" : concat(file, ": ", k_token_key, ": ", token.error().message);
}

}  // namespace penstock::config
