// A key, a connection string or a SAS as what signs a store's requests: the newest that the configuration's
// secret has.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <penstock/result.h>

#include "config/secret.h"
#include "lake/credential_source.h"
#include "obs/log.h"

namespace penstock::appliance {

// Makes a credential of the secret's text. The Error is a sentence for the operator, without the text.
using CredentialParser = std::function<Result<azure::Credential>(const std::string& text)>;

class SecretCredential final : public lake::CredentialSource {
 public:
  // `first` is what `parse` makes of the secret as the configuration has it.
  SecretCredential(config::Secret secret, CredentialParser parse, azure::Credential first);

  Result<azure::Credential> current() override;

  // Reads the secret again at once.
  void refused(const azure::Credential& credential, std::function<void(bool is_new)> done) override;

 private:
  // Takes what the secret has, unless it is none: then the one before stays.
  void take();

  const config::Secret secret_;
  const CredentialParser parse_;
  std::uint64_t version_;
  std::string seen_;  // what the secret had last, also if it was none
  std::string text_;  // of credential_
  azure::Credential credential_;
  obs::LogGate gate_;
  obs::LogGate refusal_gate_;
};

}  // namespace penstock::appliance
