// Where an instance's admin port is, without the rest of its configuration: its secrets may be out of reach
// of whoever asks.
#pragma once

#include <string>

#include <penstock/result.h>

#include "config/settings.h"

namespace penstock::config {

// "127.0.0.1:9464". Error: no such address.
Result<AdminSettings> admin_address(const std::string& listen);

// admin.listen of a file, the default where it is not written, and admin.token if there is one. Errors: the
// file cannot be read, is no YAML, or says `none`.
Result<AdminSettings> admin_address_in(const std::string& file);

// Why admin.token of a file cannot be had, as a sentence. Empty: it can, or there is none.
std::string why_no_admin_token(const std::string& file);

}  // namespace penstock::config
