// The one table that translates what Entra says of a request for a token. Pure.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

#include "http/message.h"

namespace penstock::identity {

// `answer` has another status than 200. `asking` begins the sentence: "a token of Entra for ...". An
// error of the server or too many requests: retry. All else: give_up, a person must mend it, and the
// sentence says what to check. It has the code, the trace id and the time of the answer, and nothing of the
// request.
Error entra_error(const http::Response& answer, std::string_view asking);

}  // namespace penstock::identity
