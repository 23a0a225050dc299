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

struct Secret::Shared {
  Shared(std::string first, SecretOrigin where)
      : origin(std::move(where)), value(std::move(first)), marks(marks_now()), looked(system_clock().now()) {}

  std::vector<std::optional<FileMark>> marks_now() const {
    std::vector<std::optional<FileMark>> now;
    for (const std::string& file : origin.files) {
      now.push_back(mark_of(file));
    }
    return now;
  }

  // Under the mutex.
  void look() {
    const MonoTime now = system_clock().now();
    const std::uint64_t wished = wishes.load();
    const bool is_wished = std::exchange(seen_wishes, wished) != wished;
    if (!is_wished && now - looked < k_between_looks) {
      return;
    }
    looked = now;
    if (is_wished || marks_now() != marks) {
      read(now);
    }
  }

  void read(MonoTime now) {
    // Before it is read: what is written meanwhile is seen at the next look.
    marks = marks_now();
    Result<std::string> text = origin.read();
    const std::string trouble = !text.ok() ? text.error().message : text->empty() ? "is empty" : "";
    if (!trouble.empty()) {
      if (gate.pass(now)) {
        obs::log(obs::Level::warning,
                 concat("a secret that was to be read again is kept as it was: it ", trouble));
      }
      return;
    }
    if (*text != value) {
      value = *std::move(text);
      ++version;
    }
  }

  const SecretOrigin origin;
  std::mutex mutex;  // of what follows
  std::string value;
  std::uint64_t version = 0;
  std::vector<std::optional<FileMark>> marks;
  MonoTime looked;
  std::uint64_t seen_wishes = wishes.load();
  obs::LogGate gate{k_between_warnings};
};

Secret::Secret(std::string value, SecretOrigin origin)
    : value_(std::move(value)), shared_(std::make_shared<Shared>(value_, std::move(origin))) {}

std::string Secret::current() const {
  if (shared_ == nullptr) {
    return value_;
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->look();
  return shared_->value;
}

std::uint64_t Secret::version() const {
  if (shared_ == nullptr) {
    return 0;
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->look();
  return shared_->version;
}

bool Secret::read_again(const std::string& refused) const {
  if (shared_ == nullptr) {
    return false;
  }
  const std::lock_guard lock(shared_->mutex);
  // Somebody else has read it since, or it is read now.
  if (shared_->value == refused) {
    shared_->read(system_clock().now());
  }
  return shared_->value != refused;
}

void read_secrets_again() {
  wishes.fetch_add(1);
}

}  // namespace penstock::config
