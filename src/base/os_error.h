// The one table that translates errno.
#pragma once

#include <string_view>

#include <penstock/result.h>

namespace penstock {

// "ENOSPC" for ENOSPC; "errno 4711" for one without a name here.
std::string errno_name(int error_number);

// `what` begins the sentence and says what was being done to which file: "writing the stage file
// /var/lib/penstock/x". Kind, action and advice are the table's. A number that the table does not have is
// io, retry.
Error os_error(int error_number, std::string_view what);

}  // namespace penstock
