#include "lake/token_credential.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace penstock::lake {

// Where the provider's thread leaves what the loop's thread is to look at. Both have it.
struct TokenCredential::Mailbox {
  struct Asked {
    std::string refused;
    std::function<void(bool is_new)> done;
  };

  UniqueFd wake;  // an eventfd
  // Of the loop's thread: by the number of the question. At most as many as there are requests on the way.
  std::uint64_t next = 0;
  std::vector<std::pair<std::uint64_t, Asked>> asked;

  std::mutex mutex;  // of what follows
  std::vector<std::uint64_t> answered;
};

TokenCredential::TokenCredential(std::shared_ptr<identity::TokenCache> cache, io::Loop& loop)
    : cache_(std::move(cache)), loop_(loop) {}

TokenCredential::~TokenCredential() {
  if (mailbox_) {
    loop_.unwatch(mailbox_->wake.get());
  }
}

Result<azure::Credential> TokenCredential::current() {
  Result<identity::Token> token = cache_->current();
  if (!token.ok()) {
    Error error = std::move(token).error();
    error.action = Action::retry;  // the request may be sent once there is a token
    return error;
  }
  return azure::Credential(azure::Bearer{.token = std::move(token->text)});
}

void TokenCredential::refused(const azure::Credential& credential, std::function<void(bool is_new)> done) {
  const auto* bearer = std::get_if<azure::Bearer>(&credential);
  std::string refused = bearer != nullptr ? bearer->token : std::string();
  if (!mailbox_) {
    auto made = std::make_shared<Mailbox>();
    made->wake.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!made->wake.valid()) {
      loop_.defer([done = std::move(done)] { done(false); });
      return;
    }
    mailbox_ = std::move(made);
    loop_.watch(mailbox_->wake.get(), {.readable = true}, [this](io::Interest) { on_woken(); });
  }
  const std::uint64_t number = mailbox_->next++;
  mailbox_->asked.emplace_back(number, Mailbox::Asked{.refused = refused, .done = std::move(done)});
  cache_->want(std::move(refused), [mailbox = mailbox_, number] {
    {
      const std::lock_guard lock(mailbox->mutex);
      mailbox->answered.push_back(number);
    }
    const std::uint64_t one = 1;
    static_cast<void>(!::write(mailbox->wake.get(), &one, sizeof one));
  });
}

void TokenCredential::on_woken() {
  std::uint64_t signals = 0;
  static_cast<void>(!::read(mailbox_->wake.get(), &signals, sizeof signals));
  std::vector<std::uint64_t> answered;
  {
    const std::lock_guard lock(mailbox_->mutex);
    answered = std::exchange(mailbox_->answered, {});
  }
  std::vector<Mailbox::Asked> over;
  std::erase_if(mailbox_->asked, [&](auto& entry) {
    const bool is_over = std::find(answered.begin(), answered.end(), entry.first) != answered.end();
    if (is_over) {
      over.push_back(std::move(entry.second));
    }
    return is_over;
  });
  const Result<identity::Token> token = cache_->current();
  // A `done` may destroy this.
  for (const Mailbox::Asked& asked : over) {
    asked.done(token.ok() && token->text != asked.refused);
  }
}

}  // namespace penstock::lake
