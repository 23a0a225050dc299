// Where Entra's tokens of a tenant are asked for. Pure.
#pragma once

#include <string>
#include <string_view>

namespace penstock::identity {

// "https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token"
std::string token_endpoint(std::string_view authority, std::string_view tenant_id);

}  // namespace penstock::identity
