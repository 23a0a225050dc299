// What signs the requests of a store, as it is at this moment: a secret that may be written anew, or a token
// that is renewed.
#pragma once

#include <functional>
#include <utility>

#include <penstock/result.h>

#include "azure/credential.h"

namespace penstock::lake {

// One per worker, on the worker's loop. Every call is made on its thread.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  // Asked for once per sending. Cheap, never waits. Error (retry): there is none yet, or no longer; the
  // request counts as failed, with this sentence.
  virtual Result<azure::Credential> current() = 0;

  // The service has refused a request that `credential` signed (401, or 403 AuthenticationFailed). The source
  // looks for another one: it reads the file again, or asks for a new token. `done` runs once, within this
  // call or later from the loop: true if current() is another credential by now, and the request may be sent
  // once more.
  virtual void refused(const azure::Credential& credential, std::function<void(bool is_new)> done) = 0;
};

// One that stays as it is.
class FixedCredential final : public CredentialSource {
 public:
  explicit FixedCredential(azure::Credential credential) : credential_(std::move(credential)) {}

  Result<azure::Credential> current() override { return credential_; }
  void refused(const azure::Credential& /*credential*/, std::function<void(bool is_new)> done) override {
    done(false);
  }

 private:
  const azure::Credential credential_;
};

}  // namespace penstock::lake
