#include "crypto/tls_files.h"

#include <chrono>
#include <utility>

#include "base/concat.h"

namespace penstock::crypto {
namespace {

constexpr Duration k_between_looks = std::chrono::seconds(5);

}  // namespace

Result<std::unique_ptr<TlsFiles>> TlsFiles::make(TlsContext::Options options, const Clock& clock) {
  auto context = TlsContext::make(options);
  if (!context) {
    return std::move(context).error();
  }
  return std::unique_ptr<TlsFiles>(new TlsFiles(std::move(options), *std::move(context), clock));
}

TlsFiles::TlsFiles(TlsContext::Options options, std::shared_ptr<const TlsContext> context, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      context_(std::move(context)),
      marks_(marks()),
      looked_(clock.now()) {}

std::vector<std::optional<FileMark>> TlsFiles::marks() const {
  std::vector<std::optional<FileMark>> marks;
  for (const std::string* file : {&options_.ca, &options_.own.certificate, &options_.own.key}) {
    marks.push_back(file->empty() || *file == "system" ? std::nullopt : mark_of(*file));
  }
  return marks;
}

const std::shared_ptr<const TlsContext>& TlsFiles::now() {
  const MonoTime now = clock_.now();
  if (now - looked_ < k_between_looks) {
    return context_;
  }
  looked_ = now;
  // Before they are read: what is written meanwhile is seen at the next look.
  std::vector<std::optional<FileMark>> found = marks();
  if (found == marks_) {
    return context_;
  }
  marks_ = std::move(found);
  auto context = TlsContext::make(options_);
  if (context) {
    context_ = *std::move(context);
    fault_.reset();
  } else {
    fault_ = std::move(context).error();
    fault_->message =
        concat("TLS files were changed and cannot be used, the former are kept: ", fault_->message);
  }
  return context_;
}

std::optional<Error> TlsFiles::take_fault() {
  return std::exchange(fault_, std::nullopt);
}

}  // namespace penstock::crypto
