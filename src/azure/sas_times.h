// When a shared access signature is good, as its own fields say. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace penstock::azure {

struct SasTimes {
  // st, and for one of a user delegation the later of st and skt. nullopt: at once.
  std::optional<WallTime> begins;
  // se, and for one of a user delegation the earlier of se and ske. nullopt: a stored access policy says it.
  std::optional<WallTime> ends;
};

// Of a token as make_sas() takes it. A field that is no time counts as missing.
SasTimes sas_times(std::string_view token);

// Of an Event Hubs SharedAccessSignature ("SharedAccessSignature sr=...&se=<seconds since 1970>&..."): its
// se.
std::optional<WallTime> event_hubs_sas_end(std::string_view signature);

}  // namespace penstock::azure
