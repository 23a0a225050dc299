#include "identity/token_endpoint.h"

#include "base/concat.h"

namespace penstock::identity {

std::string token_endpoint(std::string_view authority, std::string_view tenant_id) {
  return concat(authority, "/", tenant_id, "/oauth2/v2.0/token");
}

}  // namespace penstock::identity
