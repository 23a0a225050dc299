#include "config/secret.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/concat.h"
#include "base/file_mark.h"
#include "obs/log.h"

namespace penstock::config {
namespace {

constexpr Duration k_between_looks = std::chrono::seconds(1);
constexpr Duration k_between_warnings = std::chrono::minutes(5);

// Of read_secrets_again().
std::atomic<std::uint64_t> wishes{0};

}  // namespace

// Files are read outside of the mutex: where a mount hangs, one look hangs, and all others have the value as
// it was.
struct Secret::Shared {
  using Marks = std::vector<std::optional<FileMark>>;

  Shared(std::string first, SecretOrigin where)
      : origin(std::move(where)), value(std::move(first)), marks(marks_now()), looked(system_clock().now()) {}

  Marks marks_now() const {
    Marks now;
    for (const std::string& file : origin.files) {
      now.push_back(mark_of(file));
    }
    return now;
  }

  void look() {
    std::unique_lock lock(mutex);
    const MonoTime now = system_clock().now();
    const std::uint64_t wished = wishes.load();
    if (is_looking || (seen_wishes == wished && now - looked < k_between_looks)) {
      return;
    }
    const bool is_wished = std::exchange(seen_wishes, wished) != wished;
    const Marks known = marks;
    looked = now;
    is_looking = true;
    lock.unlock();
    if (is_wished || marks_now() != known) {
      read();
    }
    lock.lock();
    is_looking = false;
  }

  // Of two reads the one that began later counts.
  void read() {
    std::unique_lock lock(mutex);
    const std::uint64_t number = ++reads;
    lock.unlock();
    // Before it is read: what is written meanwhile is seen at the next look.
    Marks before = marks_now();
    Result<std::string> text = origin.read();
    lock.lock();
    if (number < last_read) {
      return;
    }
    marks = std::move(before);
    const std::string trouble = !text.ok() ? text.error().message : text->empty() ? "is empty" : "";
    if (trouble.empty()) {
      last_read = number;
      if (*text != value) {
        value = *std::move(text);
        ++version;
      }
    } else if (gate.pass(system_clock().now())) {
      obs::log(obs::Level::warning,
               concat("a secret that was to be read again is kept as it was: it ", trouble));
    }
  }

  const SecretOrigin origin;
  std::mutex mutex;  // of what follows
  std::string value;
  std::uint64_t version = 0;
  Marks marks;
  MonoTime looked;
  bool is_looking = false;
  std::uint64_t seen_wishes = wishes.load();
  std::uint64_t reads = 0;      // that have begun
  std::uint64_t last_read = 0;  // of these the one that `value` is of
  obs::LogGate gate{k_between_warnings};
};

Secret::Secret(std::string value, SecretOrigin origin)
    : value_(std::move(value)), shared_(std::make_shared<Shared>(value_, std::move(origin))) {}

std::string Secret::current() const {
  if (shared_ == nullptr) {
    return value_;
  }
  shared_->look();
  const std::lock_guard lock(shared_->mutex);
  return shared_->value;
}

std::uint64_t Secret::version() const {
  if (shared_ == nullptr) {
    return 0;
  }
  shared_->look();
  const std::lock_guard lock(shared_->mutex);
  return shared_->version;
}

bool Secret::read_again(const std::string& refused) const {
  if (shared_ == nullptr) {
    return false;
  }
  std::unique_lock lock(shared_->mutex);
  // Somebody else has read it since, or it is read now.
  if (shared_->value == refused) {
    lock.unlock();
    shared_->read();
    lock.lock();
  }
  return shared_->value != refused;
}

void read_secrets_again() {
  wishes.fetch_add(1);
}

}  // namespace penstock::config
