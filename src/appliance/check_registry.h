// Whether the schema registry answers, and lets us read, and which columns topics have by it.
#pragma once

#include <vector>

#include "appliance/check.h"
#include "config/settings.h"

namespace penstock::appliance {

// A row, or none where no schema is to be found by its id. Asks for a schema that cannot be there, as the
// service asks for one. Then a row for each named topic whose files are of Parquet, up to 20. Waits at
// most 20 s for each answer. Whoever shows tokens of Entra has awaited them.
std::vector<CheckRow> check_registry(const config::Settings& settings);

}  // namespace penstock::appliance
