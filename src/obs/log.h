// The process's log: lines on standard error, from any thread.
//
//   obs::log(Level::warning, "the upload was throttled", {{"topic", topic}, {"partition", partition}});
//
// A line is a fact and its coordinates. What went wrong comes with what to do about it, in the message. No
// secret may be handed in: nothing here could tell. There is never one line per record. A line that could
// come a thousand times a second goes through a LogGate.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "obs/log_format.h"

namespace penstock::obs {

struct LogOptions {
  // Messages below it are dropped.
  Level level = Level::info;

  // text becomes journal where standard error is systemd's journal.
  LogFormat format = LogFormat::text;

  // Not even errors are logged: a simulator makes thousands of them on purpose.
  bool silent = false;
};

// Before it is called the defaults hold. May be called again, from any thread.
void init_log(const LogOptions& options);

// Whether a message of this level would be written: for fields that are costly to compute.
bool would_log(Level level);

// Writes one line, from any thread. Allocates, and may block as standard error does. Lines that standard
// error does not take are lost.
void log(Level level, std::string_view message, std::initializer_list<Field> fields = {});

// Writes one line whatever the log's level is: what a command says at its start and its end, and in place of
// its work. In text it is "penstock: " and the message, which then needs no fields. The journal and JSON get
// it as log() writes it.
void say(Level level, std::string_view message, std::initializer_list<Field> fields = {});

// Whether a line stands on the terminal that the next one is to be written over, and the cursor is in it.
// From any thread.
void write_over(bool a_line_stands);

// say() for each line of the text; in text without "penstock: ", as compilers name the place of a fault.
void say_lines(Level level, std::string_view text);

// Lets one message of a kind through per interval (or `burst` of them, from the first on), and counts what it
// held back. There is one gate per kind of message. Pure; one thread.
//
//   if (const auto held_back = gate_.pass(clock_.now())) {
//     log(Level::warning, "no room on the stage", {{"held_back", *held_back}});
//   }
class LogGate {
 public:
  explicit LogGate(Duration interval, std::uint32_t burst = 1) : interval_(interval), burst_(burst) {}

  // Nothing: keep silent. A number: say it, and that so many were held back since it was last said.
  std::optional<std::uint64_t> pass(MonoTime now);

 private:
  Duration interval_;
  std::uint32_t burst_;
  std::optional<MonoTime> first_said_;  // of the interval
  std::uint32_t said_ = 0;              // since then
  std::uint64_t held_back_ = 0;
};

}  // namespace penstock::obs
