#include "app/admin_client.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "base/concat.h"
#include "http/client.h"
#include "http/message.h"
#include "io/loop.h"

namespace penstock::app {
namespace {

std::string loopback_of(const std::string& host) {
  if (host == "0.0.0.0") {
    return "127.0.0.1";
  }
  if (host == "::") {
    return "[::1]";
  }
  return host.find(':') == std::string::npos ? host : concat("[", host, "]");
}

}  // namespace

Result<AdminAnswer> ask_admin(const config::AdminSettings& admin, const std::string& path, Duration timeout) {
  const std::string address = concat(loopback_of(admin.host), ":", admin.port);
  auto loop = io::make_loop({.choice = io::Choice::portable, .fallback_threads = 1}, system_clock());
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  http::ClientOptions options;
  options.connections_max = 1;
  options.upload_buffer_bytes = std::size_t{16} * 1024;
  options.connect_timeout = timeout;
  options.stall_timeout = timeout;
  auto client = http::Client::create(options, **loop);
  if (!client.ok()) {
    return std::move(client).error();
  }
  std::optional<Result<http::Response>> answer;
  http::Request request;
  request.url = concat("http://", address, path);
  request.timeout = timeout;
  if (!admin.token.empty()) {
    request.headers.add("Authorization", concat("Bearer ", admin.token.reveal()));
  }
  request.may_use_proxy = false;
  (*client)->send(std::move(request), [&answer](Result<http::Response> got) { answer = std::move(got); });
  const MonoTime until = system_clock().now() + timeout + std::chrono::seconds{1};
  while (!answer && system_clock().now() < until) {
    (*loop)->run_once(std::chrono::milliseconds{200});
  }
  if (!answer || !answer->ok()) {
    return make_error(ErrorKind::unavailable, Action::retry,
                      concat("no instance answers at ", address,
                             ": see whether it runs, and whether admin.listen is ", address));
  }
  return AdminAnswer{.status = (*answer)->status, .body = (*answer)->body};
}

}  // namespace penstock::app
