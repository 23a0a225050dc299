// How it works
//
// The file is read anew at each call. It is opened with O_NONBLOCK, so that a pipe at its path does not hold
// a worker up. One byte more than the limit is read, to tell a file that is too long.
//
// The worked case is a file with this line:
//
//   eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo5OX0.
//
//   1. The end of the line is trimmed. The first two dots divide the text into three parts.
//   2. The first and the third part must have characters of base64url only. So a third dot is an error. The
//      third part is empty here, which "alg":"none" allows.
//   3. The second part becomes plain base64 by two exchanged characters and padding. It decodes to
//      {"sub":"a","exp":99}.
//   4. `exp` must be there, and in a range that a WallTime can hold. It is 99 s after 1970, which is past.
//      The error says when that was and how long ago. From that a person sees whether the renewal has stopped
//      or the clock is wrong.
//
// No error shows a part of the token.
#include "source/bearer_token.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/trimmed.h"
#include "base/types.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "base/utc_text.h"
#include "codec/json_members.h"

namespace penstock::source {
namespace {

// Tokens have some kilobytes; what is longer is another file.
constexpr std::size_t k_token_bytes_max = std::size_t{64} << 10;

// Some thousand years from 1970: what a WallTime holds is less, and no token lives so long.
constexpr double k_seconds_max = 9e9;

Error unusable(std::string message, const char* code) {
  return make_error(ErrorKind::unauthenticated, Action::give_up, std::move(message), code);
}

Error no_token(const std::string& file, std::string_view why) {
  return unusable(concat("source.auth.token_file: ", file, " holds no JSON Web Token: ", why,
                         "; let it hold the access token alone"),
                  "no token");
}

bool is_base64url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// RFC 7515, section 2: the alphabet with '-' and '_', and no padding.
std::optional<std::string> decode_base64url(std::string_view text) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  padded.append((4 - padded.size() % 4) % 4, '=');
  const auto bytes = base64_decode(padded);
  return bytes.ok() ? std::optional(std::string(as_text(*bytes))) : std::nullopt;
}

Error expired(const std::string& file, WallTime expires, WallTime now) {
  const auto ago = std::chrono::duration_cast<std::chrono::seconds>(now - expires);
  return unusable(
      concat("source.auth.token_file: the token in ", file, " has expired at ", utc_text(expires), ", ",
             format_duration(ago), " ago: see whether what renews it still runs, and this machine's clock"),
      "token expired");
}

Error unreadable(const std::string& file, int error_number) {
  return unusable(concat(os_error(error_number, concat("source.auth.token_file: reading ", file)).message,
                         ": see whether what writes it runs, and that penstock may read it"),
                  "no token file");
}

}  // namespace

Result<BearerToken> parse_bearer_token(std::string_view written, const std::string& file, WallTime now) {
  const std::string_view token = trimmed(written);
  if (token.empty()) {
    return no_token(file, "it is empty");
  }
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || !is_base64url(token.substr(0, first)) ||
      !is_base64url(token.substr(second + 1))) {
    return no_token(file, "that is three parts in base64url with dots between them");
  }
  const auto claims_text = decode_base64url(token.substr(first + 1, second - first - 1));
  const auto claims = claims_text ? codec::json_members(*claims_text) : std::nullopt;
  if (!claims) {
    return no_token(file, "its second part is no JSON object in base64url");
  }
  const auto exp = claims->numbers.find("exp");
  if (exp == claims->numbers.end() || !(exp->second >= 0 && exp->second <= k_seconds_max)) {
    return no_token(file, "it does not say when it expires (exp)");
  }
  const WallTime expires{
      std::chrono::duration_cast<WallTime::duration>(std::chrono::duration<double>(exp->second))};
  if (expires <= now) {
    return expired(file, expires, now);
  }
  const auto sub = claims->texts.find("sub");
  const bool named = sub != claims->texts.end() && !sub->second.empty();
  return BearerToken{
      .text = std::string(token), .principal = named ? sub->second : "unnamed", .expires = expires};
}

Result<BearerToken> read_bearer_token(const std::string& file, WallTime now) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    return unreadable(file, errno);
  }
  std::string text(k_token_bytes_max + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return unreadable(file, errno);
    }
    size += static_cast<std::size_t>(got);
    if (got == 0 || size == text.size()) {
      break;
    }
  }
  if (size > k_token_bytes_max) {
    return no_token(file, concat("it has more than ", format_size(k_token_bytes_max)));
  }
  text.resize(size);
  return parse_bearer_token(text, file, now);
}

TokenReader token_reader(const Auth& auth) {
  if (auth.type == AuthType::entra) {
    return auth.tokens.current;
  }
  if (auth.type != AuthType::oauthbearer) {
    return {};
  }
  return [file = auth.token_file] { return read_bearer_token(file, system_clock().wall_now()); };
}

}  // namespace penstock::source
