// A configuration as it may be shown to whoever may see the status page: what was written, without secrets.
#pragma once

#include <string>
#include <vector>

#include "config/document.h"
#include "config/key.h"
#include "config/settings.h"

namespace penstock::config {

struct ShownKey {
  // "batch.max_age", "overrides[0].batch.max_age"
  std::string path;
  // As it stands in the file: `${NAME}` and not what it gave. "(secret)" of a secret, however it was written.
  // The default of a key that was not written.
  std::string value;
  bool written = false;
};

// Of a key's node, before it was expanded.
std::string shown_value(const Key& key, const Node& node);

// Every key that was written or has a default, in the order of the reference page.
std::vector<ShownKey> shown_configuration(const Settings& settings);

}  // namespace penstock::config
