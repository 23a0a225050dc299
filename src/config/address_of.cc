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
  return admin_address(*written);
}

}  // namespace penstock::config
