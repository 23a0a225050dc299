// How long a token service asks to be left alone.
#pragma once

#include <chrono>
#include <optional>

#include "http/message.h"

namespace penstock::identity {

// Of the header Retry-After in seconds, at most five minutes. nullopt: it does not ask, or by a date.
std::optional<std::chrono::milliseconds> retry_after_of(const http::Response& answer);

}  // namespace penstock::identity
