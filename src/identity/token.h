// A bearer token of Entra: what a managed identity, a workload identity or a registered application shows to
// storage, to Event Hubs and to a schema registry.
#pragma once

#include <string>

#include "base/clock.h"

namespace penstock::identity {

struct Token {
  // As it goes behind "Bearer ". A secret.
  std::string text;
  WallTime expires;
  // When to ask for the next one: the service's refresh_in; without it half of the life, or 80 % of a life
  // under ten minutes.
  WallTime renew;
};

}  // namespace penstock::identity
