#include "appliance/former_stages.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <penstock/result.h>

#include "appliance/wiring.h"
#include "base/concat.h"
#include "stage/directory.h"

namespace penstock::appliance {
namespace {

constexpr std::string_view k_worker = "worker-";

std::optional<std::uint32_t> worker_number(std::string_view name) {
  if (!name.starts_with(k_worker)) {
    return std::nullopt;
  }
  name.remove_prefix(k_worker.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole =
      error == std::errc{} && end == name.data() + name.size() && std::to_string(number) == name;
  return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

std::vector<std::string> remove_former_stages(const config::Settings& settings, std::uint32_t workers) {
  std::vector<std::uint32_t> former;
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(stage_directory(settings, 0)).parent_path();
  for (std::filesystem::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto number = worker_number(entry->path().filename().string());
    if (number && *number >= workers) {
      former.push_back(*number);
    }
  }
  std::sort(former.begin(), former.end());
  std::vector<std::string> said;
  for (const std::uint32_t number : former) {
    const Result<std::string> removed = stage::remove_stage(stage_directory(settings, number));
    if (!removed.ok()) {
      said.push_back(concat("the stage of worker ", number,
                            ", which is no more, could not be removed: ", removed.error().message));
    } else if (!removed->empty()) {
      said.push_back(concat(*removed, ", as there is no worker ", number,
                            " any more; what was not published of it is read from Kafka again"));
    }
  }
  return said;
}

}  // namespace penstock::appliance
