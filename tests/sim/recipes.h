// Worlds that are made for one fault each: what a reviewer has found, as a seed can tell it.
//
// A recipe takes the world of a seed, calms it, and adds what the fault needs. Its comment says what a worker
// that has the fault does.
#pragma once

#include <span>
#include <string_view>

#include "sim/sim_random.h"

namespace penstock::sim {

struct Scenario;

struct Recipe {
  std::string_view name;
  void (*prepare)(Scenario&, Random&);
};

std::span<const Recipe> recipes();

// Null: no recipe has this name.
const Recipe* recipe_of(std::string_view name);

}  // namespace penstock::sim
