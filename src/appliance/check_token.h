// Whether each side that shows a token of Entra gets one.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "appliance/tokens.h"

namespace penstock::appliance {

// A row for each side: which identity, for which audience, until when; or why there is none. Waits for the
// first tokens, at most 15 s.
std::vector<CheckRow> check_tokens(const Tokens& tokens);

}  // namespace penstock::appliance
