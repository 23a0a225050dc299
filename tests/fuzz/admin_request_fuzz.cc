// What a client of the admin port has sent so far.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/access.h"
#include "admin/http_text.h"
#include "base/check.h"

namespace penstock::admin {
namespace {

using State = Request::State;

void check_request(std::string_view text) {
  const Request request = read_request(text);
  switch (request.state) {
    case State::unfinished:
      CHECK(text.size() < k_head_bytes_max);
      CHECK(text.find("\r\n\r\n") == std::string_view::npos);
      break;
    case State::good:
      CHECK(request.path.starts_with('/'));
      CHECK(request.path.find_first_of(" ?") == std::string_view::npos);
      CHECK(request.path.size() <= k_request_line_bytes_max);
      CHECK(!shows_token(request.authorization, ""));
      if (names_an_address(request.host)) {
        CHECK(request.host.find("example") == std::string_view::npos);
      }
      if (shows_token(request.authorization, "0123456789abcdef")) {
        CHECK((request.authorization.substr(0, 1).find_first_of("Bb") == 0));
      }
      break;
    case State::refused:
      CHECK(request.status >= 400);
      CHECK(request.status < 500);
      break;
  }
  if (request.state != State::unfinished) {
    // What comes later changes nothing. The server may have read some of it already.
    const std::string more = std::string(text) + "GET / HTTP/1.1\r\n\r\n";
    CHECK((read_request(more) == request));
  }
}

}  // namespace
}  // namespace penstock::admin

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::admin::check_request({reinterpret_cast<const char*>(data), size});
  return 0;
}
