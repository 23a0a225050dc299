// A token of Entra as what signs a store's requests.
#pragma once

#include <functional>
#include <memory>

#include <penstock/result.h>

#include "identity/provider.h"
#include "io/loop.h"
#include "lake/credential_source.h"

namespace penstock::lake {

// Over a cache that other workers have too. `loop` outlives it. It opens a descriptor when a service has
// refused a token for the first time, as the answer comes from another thread.
class TokenCredential final : public CredentialSource {
 public:
  TokenCredential(std::shared_ptr<identity::TokenCache> cache, io::Loop& loop);
  ~TokenCredential() override;
  TokenCredential(const TokenCredential&) = delete;
  TokenCredential& operator=(const TokenCredential&) = delete;

  Result<azure::Credential> current() override;
  void refused(const azure::Credential& credential, std::function<void(bool is_new)> done) override;

 private:
  struct Mailbox;

  void on_woken();

  const std::shared_ptr<identity::TokenCache> cache_;
  io::Loop& loop_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace penstock::lake
