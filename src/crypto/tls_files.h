// A TLS context that follows its files: an authority that is replaced, a certificate that is renewed. Files
// that cannot be used leave the context as it was, as they may be half written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/file_mark.h"
#include "crypto/tls_context.h"

namespace penstock::crypto {

// One thread at a time.
class TlsFiles {
 public:
  // `clock` outlives it. Error: as of TlsContext::make().
  static Result<std::unique_ptr<TlsFiles>> make(TlsContext::Options options,
                                                const Clock& clock = system_clock());

  // The newest context. Looks at the files' times at most every five seconds, and reads them if they have
  // changed. What the machine trusts ("system") is not looked at.
  const std::shared_ptr<const TlsContext>& now();

  // Why changed files are not used, once for each change. After now().
  std::optional<Error> take_fault();

 private:
  TlsFiles(TlsContext::Options options, std::shared_ptr<const TlsContext> context, const Clock& clock);

  std::vector<std::optional<FileMark>> marks() const;

  const TlsContext::Options options_;
  const Clock& clock_;
  std::shared_ptr<const TlsContext> context_;
  std::vector<std::optional<FileMark>> marks_;
  MonoTime looked_;
  std::optional<Error> fault_;
};

}  // namespace penstock::crypto
