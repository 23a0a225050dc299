// penstock_sim: worlds of one seed each, run one after the other; the first line of a failure says how to
// repeat it.
//
//   penstock_sim --seeds 1000 --first 1              runs seeds 1 to 1000
//   penstock_sim --seed 42 --verbose                 runs one, and tells everything that happens
//   --guarantee exactly_once | at_least_once         what the workers keep, and are held to
//   --mutant NAME                                    a sentence of the protocol is left out; --mutants lists
//                                                    them; those of the state machine are in
//                                                    penstock_sim_mutants only
//   --recipe NAME                                    worlds made for one fault (recipes.h); --recipes lists
//                                                    them
//   --every-mutant                                   each of them in turn, from a seed of its own on until it
//                                                    is found; 1 if one is not, or if that seed fails
//                                                    without it
//   --jobs N                                         over N processes, with progress
//   --twice                                          runs each seed twice: the same must happen
//
// Exit: 0 clean, 1 a violation, 2 usage.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/concat.h"
#include "obs/log.h"
#include "sim/recipes.h"
#include "sim/world.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(PENSTOCK_MUTANTS)
#include "ledger/mutants.h"
#endif

namespace penstock::sim {
namespace {

// A sentence of the protocol that can be left out: by the seams of this directory, or by the state machine of
// ledger.
struct Sentence {
  std::string_view name;
  std::uint64_t first =
      1;  // the seed that --every-mutant begins at: the first that shows it, when this was written
  std::string_view recipe;  // of the worlds that can show it; empty: those of chance
  Mutant of_seams = Mutant::none;
#if defined(PENSTOCK_MUTANTS)
  ledger::Mutant of_ledger = ledger::Mutant::none;
#endif
};

std::vector<Sentence> sentences() {
  std::vector<Sentence> all;
  for (const MutantName& each : k_mutants) {
    all.push_back({.name = each.name, .first = each.first, .recipe = {}, .of_seams = each.mutant});
  }
#if defined(PENSTOCK_MUTANTS)
#define PENSTOCK_SENTENCE(which, seed) \
  all.push_back({.name = #which, .first = seed, .recipe = {}, .of_ledger = ledger::Mutant::which})
  PENSTOCK_SENTENCE(no_fence, 68);
  PENSTOCK_SENTENCE(no_wait_before_fence, 119);
  PENSTOCK_SENTENCE(no_assign_after_changed_fence, 387);
  PENSTOCK_SENTENCE(assign_commits_at_once, 52);
  PENSTOCK_SENTENCE(fence_accepts_what_assign_wrote, 52);
  PENSTOCK_SENTENCE(assign_again_for_all_of_a_dropped_batch, 31);
  PENSTOCK_SENTENCE(reading_again_for_a_past_epoch, 124);
  PENSTOCK_SENTENCE(no_r2_for_claims, 1);
  PENSTOCK_SENTENCE(no_r2_for_finishes, 9);
  PENSTOCK_SENTENCE(no_r2_for_start_positions, 51);
  PENSTOCK_SENTENCE(finish_outside_its_epoch, 96);
  PENSTOCK_SENTENCE(finish_after_the_next_claim, 88);
  PENSTOCK_SENTENCE(looking_without_a_tombstone, 60);
  PENSTOCK_SENTENCE(publish_before_claim, 2);
  PENSTOCK_SENTENCE(assuming_data, 7);
  PENSTOCK_SENTENCE(assuming_tombstone, 1);
  PENSTOCK_SENTENCE(no_r1, 3);
  PENSTOCK_SENTENCE(refused_claim_published, 26);
  PENSTOCK_SENTENCE(dead_batch_without_dropping_later, 26);
  PENSTOCK_SENTENCE(no_r8, 44);
  PENSTOCK_SENTENCE(r8_without_its_wait, 39);
  PENSTOCK_SENTENCE(r8_for_claims_only, 44);
#undef PENSTOCK_SENTENCE
  all.push_back({.name = "late_put_without_reading",
                 .first = 2,
                 .recipe = "tidied_lake",
                 .of_ledger = ledger::Mutant::late_put_without_reading});
#endif
  return all;
}

void leave_out(const Sentence& sentence) {
#if defined(PENSTOCK_MUTANTS)
  ledger::active_mutant = sentence.of_ledger;
#else
  static_cast<void>(sentence);
#endif
}

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  Guarantee guarantee = Guarantee::exactly_once;
  Mutant mutant = Mutant::none;
  std::string mutant_name;
  std::string recipe;
  bool verbose = false;
  bool twice = false;
  bool keep_going = false;
  bool every_mutant = false;
  unsigned jobs = 1;
};

struct Totals {
  std::atomic<std::uint64_t> running{0};  // the last seed that was begun
  std::atomic<std::uint64_t> seeds{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> blobs{0};
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::uint64_t> tombstones{0};
  std::atomic<std::uint64_t> quarantined{0};
  std::atomic<std::uint64_t> turns{0};
};

// Shared with the children. Null: there is no memory.
Totals* shared_totals() {
  void* shared = ::mmap(nullptr, sizeof(Totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return shared == MAP_FAILED ? nullptr : new (shared) Totals;
}

// For a CHECK or a sanitizer, which end the process: known without memory.
char running_command[512];

std::string program;  // as it was called

std::string command_of(const Arguments& arguments, std::uint64_t seed) {
  return concat(program, " --seed ", seed,
                arguments.guarantee == Guarantee::at_least_once ? " --guarantee at_least_once" : "",
                arguments.mutant_name.empty() ? "" : " --mutant ", arguments.mutant_name,
                arguments.recipe.empty() ? "" : " --recipe ", arguments.recipe, " --verbose");
}

void tell_running_command() {
  static constexpr char text[] = "penstock_sim: it died; to repeat it: ";
  [[maybe_unused]] ssize_t done = ::write(2, text, sizeof text - 1);
  done = ::write(2, running_command, std::strlen(running_command));
  done = ::write(2, "\n", 1);
}

void on_abort(int) {
  tell_running_command();
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
}

std::string make_dir() {
  const char* temporary = std::getenv("TMPDIR");
  const bool has_shm = ::access("/dev/shm", W_OK) == 0;
  std::string pattern = concat(temporary != nullptr ? temporary
                               : has_shm            ? "/dev/shm"
                                                    : "/tmp",
                               "/penstock-sim-XXXXXX");
  return ::mkdtemp(pattern.data()) == nullptr ? std::string() : pattern;
}

Outcome run_world(const Arguments& arguments, std::uint64_t seed, const std::string& dir) {
  return World({.seed = seed,
                .guarantee = arguments.guarantee,
                .mutant = arguments.mutant,
                .recipe = arguments.recipe,
                .sabotage = Sabotage::none,
                .verbose = arguments.verbose,
                .dir = concat(dir, "/", seed)})
      .run();
}

void run_seed(const Arguments& arguments, std::uint64_t seed, const std::string& dir, Totals& totals) {
  totals.running = seed;
  const std::string command = command_of(arguments, seed);
  command.copy(running_command, sizeof running_command - 1);
  running_command[std::min(command.size(), sizeof running_command - 1)] = '\0';
  Outcome outcome = run_world(arguments, seed, dir);
  if (arguments.twice && !outcome.failure && run_world(arguments, seed, dir).digest != outcome.digest) {
    outcome.failure = "not the same happens when it is run again";
  }
  if (outcome.failure) {
    ++totals.failures;
    std::cout << concat("seed ", seed, ": ", *outcome.failure, "\n  to repeat it: ", command, "\n")
              << std::flush;
  }
  ++totals.seeds;
  totals.blobs += outcome.blobs;
  totals.records += outcome.records;
  totals.tombstones += outcome.tombstones;
  totals.quarantined += outcome.quarantined;
  totals.turns += outcome.turns;
}

// Every `jobs`-th seed.
void run_share(const Arguments& arguments, unsigned job, Totals& totals) {
  const std::string dir = make_dir();
  for (std::uint64_t i = job; i < arguments.seeds; i += arguments.jobs) {
    run_seed(arguments, arguments.first + i, dir, totals);
    if (totals.failures > 0 && !arguments.keep_going) {
      break;
    }
  }
  std::filesystem::remove_all(dir);
}

void tell_progress(const Arguments& arguments, const Totals& totals, double seconds) {
  std::cout << concat(totals.seeds.load(), " of ", arguments.seeds, " seeds, ",
                      static_cast<std::uint64_t>(static_cast<double>(totals.seeds.load()) /
                                                 std::max(seconds, 0.001)),
                      " a second, ", totals.failures.load(), " failed; ", totals.blobs.load(), " blobs, ",
                      totals.records.load(), " records, ", totals.quarantined.load(), " in quarantine, ",
                      totals.tombstones.load(), " tombstones, ", totals.turns.load(), " turns\n")
            << std::flush;
}

int run(const Arguments& arguments) {
  Totals* shared = shared_totals();
  if (shared == nullptr) {
    return 2;
  }
  Totals& totals = *shared;
  const auto begun = std::chrono::steady_clock::now();
  const auto seconds = [begun] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  bool died = false;
  if (arguments.jobs <= 1) {
    run_share(arguments, 0, totals);
  } else {
    for (unsigned job = 0; job < arguments.jobs; ++job) {
      if (::fork() == 0) {
        run_share(arguments, job, totals);
        std::_Exit(0);
      }
    }
    double told = 0;
    for (unsigned left = arguments.jobs; left > 0;) {
      int status = 0;
      if (::waitpid(-1, &status, WNOHANG) > 0) {
        --left;
        died = died || status != 0;
        continue;
      }
      ::usleep(100'000);
      if (seconds() - told >= 5) {
        told = seconds();
        tell_progress(arguments, totals, told);
      }
    }
  }
  tell_progress(arguments, totals, seconds());
  return totals.failures > 0 || died ? 1 : 0;
}

// In a process of its own, since a CHECK may be what finds a mutant. What becomes of it stands in `totals`.
pid_t start_search(const Arguments& arguments, Totals& totals) {
  const pid_t child = ::fork();
  if (child == 0) {
    run_share(arguments, 0, totals);
    std::_Exit(0);
  }
  return child;
}

// A violation, or a CHECK. What ended for another reason has found nothing.
bool has_found(int status, const Totals& totals) {
  return totals.failures > 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

// The seed that a mutant was found at must be clean without it.
bool is_clean(Arguments arguments, std::uint64_t seed) {
  leave_out({});
  arguments.mutant = Mutant::none;
  arguments.mutant_name.clear();
  arguments.first = seed;
  arguments.seeds = 1;
  Totals* totals = shared_totals();
  int status = 0;
  return totals != nullptr && ::waitpid(start_search(arguments, *totals), &status, 0) > 0 && status == 0 &&
         totals->failures == 0;
}

struct Search {
  std::string_view name;
  Arguments arguments;
  Totals* totals;
};

// What is said of a search that has ended, and whether it is well.
bool judge(const Search& search, int status) {
  const std::uint64_t seed = search.totals->running;
  if (!has_found(status, *search.totals)) {
    std::cout << concat(search.name, status == 0 ? ": NOT FOUND in " : ": NOT FOUND: the search died in ",
                        search.totals->seeds.load(), " seeds from ", search.arguments.first, "\n");
    return false;
  }
  const bool clean = is_clean(search.arguments, seed);
  std::cout << concat(search.name, ": found at seed ", seed, clean ? "" : ", WHICH FAILS WITHOUT IT, TOO",
                      "\n");
  return clean;
}

// Each sentence left out, `jobs` at a time.
int run_every_mutant(const Arguments& arguments) {
  const std::vector<Sentence> all = sentences();
  std::map<pid_t, Search> running;
  std::size_t next = 0;
  std::size_t found = 0;
  while (next < all.size() || !running.empty()) {
    while (next < all.size() && running.size() < arguments.jobs) {
      const Sentence& sentence = all[next++];
      Search search{.name = sentence.name, .arguments = arguments, .totals = shared_totals()};
      if (search.totals == nullptr) {
        return 2;
      }
      leave_out(sentence);
      search.arguments.mutant = sentence.of_seams;
      search.arguments.mutant_name = sentence.name;
      search.arguments.first = arguments.first > 1 ? arguments.first : sentence.first;
      search.arguments.jobs = 1;
      search.arguments.recipe = sentence.recipe;
      std::cout << std::flush;
      const pid_t child = start_search(search.arguments, *search.totals);
      running.emplace(child, std::move(search));
    }
    int status = 0;
    const auto ended = running.extract(::waitpid(-1, &status, 0));
    if (!ended.empty()) {
      found += judge(ended.mapped(), status) ? 1 : 0;
      std::cout << std::flush;
    }
  }
  std::cout << concat(found, " of ", all.size(), " mutants found, each at a seed that is clean without it\n");
  return found == all.size() ? 0 : 1;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                   : std::nullopt;
}

// Empty, or what is wrong.
std::string parse(const std::vector<std::string_view>& words, Arguments& arguments) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--verbose") {
      arguments.verbose = true;
    } else if (word == "--twice") {
      arguments.twice = true;
    } else if (word == "--every-mutant") {
      arguments.every_mutant = true;
    } else if (word == "--keep-going") {
      arguments.keep_going = true;
    } else if (i + 1 == words.size()) {
      return concat(word, ": unknown, or needs a value");
    } else if (const std::string_view value = words[++i]; word == "--guarantee") {
      if (value != "exactly_once" && value != "at_least_once") {
        return concat(word, ": exactly_once or at_least_once");
      }
      arguments.guarantee = value == "exactly_once" ? Guarantee::exactly_once : Guarantee::at_least_once;
    } else if (word == "--recipe") {
      if (recipe_of(value) == nullptr) {
        return concat("there is no recipe of the name ", value);
      }
      arguments.recipe = value;
    } else if (word == "--mutant") {
      const std::vector<Sentence> all = sentences();
      const auto found =
          std::find_if(all.begin(), all.end(), [&](const Sentence& each) { return each.name == value; });
      if (found == all.end()) {
        return concat("no mutant of this build has the name ", value);
      }
      arguments.mutant = found->of_seams;
      arguments.mutant_name = value;
      leave_out(*found);
    } else if (const std::optional<std::uint64_t> count = number(value); !count) {
      return concat(word, ": unknown, or ", value, " is no number");
    } else if (word == "--seeds") {
      arguments.seeds = *count;
    } else if (word == "--first" || word == "--seed") {
      arguments.first = *count;
    } else if (word == "--jobs") {
      arguments.jobs = static_cast<unsigned>(std::max<std::uint64_t>(*count, 1));
    } else {
      return concat(word, ": unknown");
    }
  }
  return {};
}

int main_of(const std::vector<std::string_view>& words) {
  if (words.size() == 1 && words[0] == "--mutants") {
    for (const Sentence& each : sentences()) {
      std::cout << each.name << "\n";
    }
    return 0;
  }
  if (words.size() == 1 && words[0] == "--recipes") {
    for (const Recipe& each : recipes()) {
      std::cout << each.name << "\n";
    }
    return 0;
  }
  Arguments arguments;
  if (const std::string fault = parse(words, arguments); !fault.empty()) {
    std::cerr << "penstock_sim: " << fault << "\n";
    return 2;
  }
  obs::init_log({.level = obs::Level::debug, .format = obs::LogFormat::text, .silent = !arguments.verbose});
  std::signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(tell_running_command);
#endif
  return arguments.every_mutant ? run_every_mutant(arguments) : run(arguments);
}

}  // namespace
}  // namespace penstock::sim

int main(int count, char** words) {
  penstock::sim::program = words[0];
  return penstock::sim::main_of(std::vector<std::string_view>(words + 1, words + count));
}
