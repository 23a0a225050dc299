#include "config/suggest.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "base/letter_case.h"

namespace penstock::config {
namespace {

constexpr std::size_t k_word_bytes_max = 64;  // beyond it nothing is near; also bounds the table below

std::string folded(std::string_view word) {
  std::string result(word);
  for (char& c : result) {
    c = c == '-' ? '_' : lower(c);
  }
  return result;
}

// Insertions, deletions, replacements, and swaps of neighbours that turn `a` into `b` (optimal string
// alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> steps(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        steps[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = steps[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
      }
    }
  }
  return steps[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > k_word_bytes_max) {
    return {};
  }
  const std::string wanted = folded(word);
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string_view result;
  for (const std::string_view candidate : known) {
    const std::size_t steps = distance(wanted, folded(candidate));
    // All letters replaced is no likeness: "x" is not "io".
    if (steps < best && steps < std::max(wanted.size(), candidate.size())) {
      best = steps;
      result = candidate;
    }
  }
  return result;
}

}  // namespace penstock::config
