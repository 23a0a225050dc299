// Which files below <dir>/.penstock belong to a process that lives, and which were left by one that was
// killed. Blocking, and brief.
#pragma once

#include <string>

#include <penstock/result.h>

#include "base/unique_fd.h"

namespace penstock::lake {

// A new part file, locked (flock) for as long as the descriptor is open: the lock goes with the process. A
// file system without locks gives one that is not locked. Error unavailable, action retry: a look for
// leftovers came in between.
Result<UniqueFd> make_part_file(const std::string& path);

// Removes what nobody will finish: parts that nobody has locked, and probes. Metadata that waits for a blob
// goes to its place if the blob is there, and away otherwise. Leaves alone what is not ours. Where the file
// system has no locks, parts that were written within a week count as those of a process that lives.
void remove_leftovers(const std::string& dir);

}  // namespace penstock::lake
