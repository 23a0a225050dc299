// The way to a sink in Azure, link by link: proxy, name, TCP, TLS, credential, clock, container, what may
// be done there.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "config/settings.h"

namespace penstock::appliance {

// "sink proxy" (only where the environment names one for this host), "sink dns", "sink tcp", "sink tls",
// "sink credential", "sink clock", "sink container", "sink write", "sink list" and "sink conditional
// put". The first fault ends them. With `group_has_no_position` also "position", where there are files of
// the group.
//
// Leaves nothing behind that anybody sees: a block that is never committed, which the service forgets
// after a week. So whether a name may be taken is not shown by taking one. That a name which is taken is
// refused is shown on a file of penstock that is there: by a block list that names a block which does not
// exist. Whatever the service looks at first, it cannot change the file.
//
// Blocks for about a minute at most.
std::vector<CheckRow> walk_to_store(const config::Settings& settings, bool group_has_no_position);

}  // namespace penstock::appliance
