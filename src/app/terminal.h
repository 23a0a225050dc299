// The terminal that a command writes to.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"

namespace penstock::app {

struct TerminalSize {
  std::size_t columns = 100;
  std::size_t rows = 0;
};

// Of standard output. Where that is no terminal: COLUMNS of the environment or 100, and no end of rows.
TerminalSize terminal_size();

// Of standard error, as columns of terminal_size().
std::size_t error_columns();

// Whether frames can be drawn and keys be read.
bool is_interactive();

void print_lines(const std::vector<std::string>& lines);

// A screen of our own, on which frames replace each other. The former one is back when it ends.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(const std::vector<std::string>& lines);

  // Waits. False: somebody has typed q or Ctrl-C, or the terminal or the process is to end. True earlier than
  // that: the terminal has another size.
  bool wait(Duration time);

 private:
  struct Former;
  std::unique_ptr<Former> former_;
};

}  // namespace penstock::app
