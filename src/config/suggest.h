// "Did you mean ...": the known word nearest to one that is not known. Pure.
#pragma once

#include <span>
#include <string_view>

namespace penstock::config {

// Empty if none is near: at most a third of the word's letters may differ, at least two. Of equally near ones
// the first. Capital letters, '-' and '_' count as equal.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace penstock::config
