// What of a simulated process the world can reach: its mail, and when it wants to run next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"

namespace penstock::sim {

struct Process {
  std::string name;
  std::uint64_t id = 0;  // never used twice in a world
  bool killed = false;   // nothing goes out any more, nothing comes in
  MonoTime wake_at{};
  std::multimap<MonoTime, std::function<void()>> mail;  // runs on the process's loop
  std::set<std::string> names_closed;                   // where it has put a tombstone

  void post(MonoTime due, std::function<void()> task) {
    if (!killed) {
      mail.emplace(due, std::move(task));
      wake_at = std::min(wake_at, due);
    }
  }
};
using ProcessPtr = std::shared_ptr<Process>;

// Questions of a process that are not answered yet. What is never answered dies with the process, as its
// memory would. The first answer counts.
template <class Answer>
class Calls {
 public:
  using Done = std::function<void(Answer)>;

  std::uint64_t add(Done done) {
    waiting_.emplace(++last_, std::move(done));
    return last_;
  }
  bool waits(std::uint64_t call) const { return waiting_.contains(call); }
  void answer(std::uint64_t call, Answer answer) {
    if (auto found = waiting_.extract(call)) {
      found.mapped()(std::move(answer));
    }
  }

 private:
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Done> waiting_;
};

// From outside: the answer comes to the process at `due`, if there is one by then.
template <class Answer>
void reply(const std::weak_ptr<Process>& to, const std::weak_ptr<Calls<Answer>>& calls, std::uint64_t call,
           MonoTime due, Answer answer) {
  if (const ProcessPtr process = to.lock()) {
    process->post(due, [calls, call, answer = std::move(answer)]() mutable {
      if (const auto waiting = calls.lock()) {
        waiting->answer(call, std::move(answer));
      }
    });
  }
}

}  // namespace penstock::sim
