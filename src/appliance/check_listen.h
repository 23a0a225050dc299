// Whether the admin server could listen: binds its address for a moment.
#pragma once

#include <penstock/result.h>

#include "config/settings.h"

namespace penstock::appliance {

// Error already_exists: somebody listens there. Others: the host does not resolve or is not this machine's,
// or the port is reserved. Each names the address and says what to do. Blocks for as long as a name service
// takes, where the host is a name.
Result<void> try_to_listen(const config::AdminSettings& admin);

}  // namespace penstock::appliance
