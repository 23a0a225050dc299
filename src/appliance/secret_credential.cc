#include "appliance/secret_credential.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/concat.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_between_warnings = std::chrono::minutes(5);
constexpr Duration k_between_refusals = std::chrono::seconds(30);

}  // namespace

SecretCredential::SecretCredential(config::Secret secret, CredentialParser parse, azure::Credential first)
    : secret_(std::move(secret)),
      parse_(std::move(parse)),
      version_(0),
      seen_(secret_.reveal()),
      text_(seen_),
      credential_(std::move(first)),
      gate_(k_between_warnings),
      refusal_gate_(k_between_refusals) {}

Result<azure::Credential> SecretCredential::current() {
  if (secret_.version() != version_) {
    take();
  }
  return credential_;
}

void SecretCredential::refused(const azure::Credential& /*credential*/,
                               std::function<void(bool is_new)> done) {
  if (refusal_gate_.pass(system_clock().now())) {
    obs::log(obs::Level::warning, "the storage has refused the sink's credential: its secret is read again");
  }
  const std::string before = text_;
  if (secret_.read_again(seen_)) {
    take();
  }
  done(text_ != before);
}

void SecretCredential::take() {
  version_ = secret_.version();
  std::string text = secret_.current();
  seen_ = text;
  if (text == text_) {
    return;
  }
  Result<azure::Credential> parsed = parse_(text);
  if (!parsed.ok()) {
    if (gate_.pass(system_clock().now())) {
      obs::log(obs::Level::warning,
               concat("the sink's credential was written anew, and is none; the one before is kept: ",
                      parsed.error().message));
    }
    return;
  }
  text_ = std::move(text);
  credential_ = std::move(parsed).value();
  obs::log(obs::Level::info, "the sink's credential has changed: the new one is used from now on");
}

}  // namespace penstock::appliance
