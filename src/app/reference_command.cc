#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "config/reference.h"

namespace penstock::app {

int run_reference() {
  std::fputs(config::reference_page().c_str(), stdout);
  return k_done;
}

}  // namespace penstock::app
