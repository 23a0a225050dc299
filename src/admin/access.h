// Who may see what the admin server shows. Pure.
#pragma once

#include <string>
#include <string_view>

namespace penstock::admin {

// Whether the value of an Authorization header shows the token: "Bearer <token>", or "Basic" with any user
// name and the token as the password. The time that it takes does not tell how much of it is right. Nothing
// shows an empty token.
bool shows_token(std::string_view authorization, std::string_view token);

// Whether the value of a Host header is an address or "localhost", perhaps with a port, or is not there. A
// page of somebody else's, whose name was made to lead to this machine, sends its own name.
bool names_an_address(std::string_view host);

}  // namespace penstock::admin
