// The command line: what was asked for, and the exit code it came to.
#pragma once

namespace penstock::app {

int run(int argc, char** argv);

}  // namespace penstock::app
