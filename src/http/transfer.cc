// How it works. prepare() writes the whole request into an easy handle: the options of transport, which are
// the same for all, then address, headers, body. From then on libcurl holds the address of the Transfer and
// calls
//
//   on_read()     for the next bytes of the body, whenever its upload buffer has room
//   on_seek()     to begin the body again: a kept connection died before it took the request
//   on_header()   for each line of the response's head, once more from "HTTP/" on after an interim answer
//   on_body()     for pieces of the response's body
//
// What they collect is response_, and bytes_moved_ for the stall timeout. A limit that is overstepped makes
// libcurl end the transfer with CURLE_WRITE_ERROR, which curl_errors.cc calls an answer that is too long.
#include "http/transfer.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/concat.h"
#include "http/curl_errors.h"
#include "http/proxy.h"

namespace penstock::http {

namespace {

constexpr std::size_t k_header_bytes_max = std::size_t{64} * 1024;

// Azure forgets a connection that is silent for 240 s.
constexpr long k_keepalive_idle_s = 60;
constexpr long k_keepalive_interval_s = 15;

long milliseconds_of(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

// Sets options until one is refused, and remembers the refusal.
class Setter {
 public:
  explicit Setter(CURL* easy) : easy_(easy) {}

  template <class Value>
  void set(CURLoption option, Value value) {
    if (code_ == CURLE_OK) {
      code_ = ::curl_easy_setopt(easy_, option, value);
    }
  }
  CURLcode code() const { return code_; }

 private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

// Others name the ciphers in their own way.
bool tls_is_openssl() {
  const char* const library = ::curl_version_info(CURLVERSION_NOW)->ssl_version;
  return library != nullptr && std::string_view(library).starts_with("OpenSSL");
}

void set_transport(Setter& easy, const ClientOptions& options) {
  easy.set(CURLOPT_NOSIGNAL, 1L);
  easy.set(CURLOPT_PROTOCOLS_STR, "http,https");
  easy.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  easy.set(CURLOPT_FOLLOWLOCATION, 0L);
  // So that what is sent is what was signed.
  easy.set(CURLOPT_PATH_AS_IS, 1L);
  easy.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  easy.set(CURLOPT_SSL_VERIFYPEER, 1L);
  easy.set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) {
    easy.set(CURLOPT_CAINFO, options.ca_file.c_str());
    // In seconds. libcurl would keep what it read of the file for a day, and the file may be replaced.
    easy.set(CURLOPT_CA_CACHE_TIMEOUT, 10L);
  }
  if (tls_is_openssl()) {
    if (!options.tls13_ciphers.empty()) {
      easy.set(CURLOPT_TLS13_CIPHERS, options.tls13_ciphers.c_str());
    }
    if (!options.tls12_ciphers.empty()) {
      easy.set(CURLOPT_SSL_CIPHER_LIST, options.tls12_ciphers.c_str());
    }
  }
  easy.set(CURLOPT_TCP_KEEPALIVE, 1L);
  easy.set(CURLOPT_TCP_KEEPIDLE, k_keepalive_idle_s);
  easy.set(CURLOPT_TCP_KEEPINTVL, k_keepalive_interval_s);
  easy.set(CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, milliseconds_of(options.connect_timeout)));
  easy.set(CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(options.upload_buffer_bytes));
  easy.set(CURLOPT_USERAGENT, options.user_agent.c_str());
  easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

}  // namespace

Transfer::Transfer(Request request, Done done)
    : request_(std::move(request)),
      done_(std::move(done)),
      body_(std::move(request_.body), std::move(request_.on_body_taken)) {}

Transfer::~Transfer() = default;

Result<void> Transfer::prepare(EasyHandle easy, const ClientOptions& options, CURLSH* sessions) {
  easy_ = std::move(easy);
  ::curl_easy_reset(easy_.get());
  Setter setter{easy_.get()};
  set_transport(setter, options);
  setter.set(CURLOPT_SHARE, sessions);
  setter.set(CURLOPT_ERRORBUFFER, detail_);
  setter.set(CURLOPT_URL, request_.url.c_str());
  if (is_never_proxied(host_of(request_.url))) {
    setter.set(CURLOPT_NOPROXY, "*");
  }
  setter.set(CURLOPT_PRIVATE, static_cast<void*>(this));
  setter.set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  setter.set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  setter.set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  setter.set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  if (!request_.may_use_proxy) {
    setter.set(CURLOPT_NOPROXY, "*");
  }
  if (request_.timeout) {
    setter.set(CURLOPT_TIMEOUT_MS, std::max(1L, milliseconds_of(*request_.timeout)));
  }
  switch (request_.method) {
    case Method::get:
      setter.set(CURLOPT_HTTPGET, 1L);
      break;
    case Method::head:
      setter.set(CURLOPT_NOBODY, 1L);
      break;
    case Method::post:
      setter.set(CURLOPT_CUSTOMREQUEST, "POST");
      [[fallthrough]];
    case Method::put:
      setter.set(CURLOPT_UPLOAD, 1L);
      setter.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
      setter.set(CURLOPT_READFUNCTION, &Transfer::on_read);
      setter.set(CURLOPT_READDATA, static_cast<void*>(this));
      setter.set(CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
      setter.set(CURLOPT_SEEKDATA, static_cast<void*>(this));
      break;
  }
  // Without this libcurl waits up to a second for a "100 Continue" before each body over 1 MiB.
  curl_slist* list = ::curl_slist_append(nullptr, "Expect:");
  for (const auto& [name, value] : request_.headers) {
    // "name;" is how libcurl is told of an empty header.
    curl_slist* longer = ::curl_slist_append(
        list, value.empty() ? concat(name, ";").c_str() : concat(name, ": ", value).c_str());
    if (longer == nullptr) {
      ::curl_slist_free_all(list);
      return curl_error(CURLE_OUT_OF_MEMORY, host_of(request_.url), {});
    }
    list = longer;
  }
  header_list_.reset(list);
  setter.set(CURLOPT_HTTPHEADER, list);
  if (setter.code() != CURLE_OK) {
    return curl_error(setter.code(), host_of(request_.url), ::curl_easy_strerror(setter.code()));
  }
  return {};
}

std::size_t Transfer::on_read(char* to, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = transfer.body_.read(std::as_writable_bytes(std::span(to, size * count)));
  transfer.bytes_moved_ += bytes;
  return bytes;
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(self);
  const bool done =
      origin == SEEK_SET && offset >= 0 && transfer.body_.seek(static_cast<std::uint64_t>(offset));
  return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

std::size_t Transfer::on_header(char* from, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  transfer.bytes_moved_ += bytes;
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > k_header_bytes_max) {
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.take_header({from, bytes});
  return bytes;
}

void Transfer::take_header(std::string_view line) {
  constexpr std::string_view k_white = " \t\r\n";
  head_complete_ = head_complete_ || line == "\r\n" || line == "\n";
  if (line.starts_with("HTTP/")) {
    // Another answer begins, so the one before was interim.
    response_.headers.clear();
    head_complete_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return;
  }
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(k_white);
  value = first == std::string_view::npos ? std::string_view{}
                                          : value.substr(first, value.find_last_not_of(k_white) - first + 1);
  response_.headers.add(std::string(name), std::string(value));
}

std::size_t Transfer::on_body(char* from, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  transfer.bytes_moved_ += bytes;
  if (bytes > transfer.request_.response_bytes_max - transfer.response_.body.size()) {
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.response_.body.append(from, bytes);
  return bytes;
}

// libcurl has one code for all that takes too long. What it was waiting for says more.
CURLcode Transfer::told_by_phase(CURLcode code) const {
  if (code != CURLE_OPERATION_TIMEDOUT) {
    return code;
  }
  const auto is_over = [this](CURLINFO phase) {
    curl_off_t microseconds = 0;
    ::curl_easy_getinfo(easy_.get(), phase, &microseconds);
    return microseconds > 0;
  };
  long local_port = 0;  // of a connection that stands, be it new or kept
  ::curl_easy_getinfo(easy_.get(), CURLINFO_LOCAL_PORT, &local_port);
  if (local_port == 0) {
    return is_over(CURLINFO_NAMELOOKUP_TIME_T) ? CURLE_COULDNT_CONNECT : CURLE_COULDNT_RESOLVE_HOST;
  }
  long connections = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connections);
  const bool shakes_hands = connections > 0 && request_.url.starts_with("https:");
  return shakes_hands && !is_over(CURLINFO_APPCONNECT_TIME_T) ? CURLE_SSL_CONNECT_ERROR : code;
}

// libcurl takes a head that ends with the connection for a whole one. What it did not bring may be the
// checksum, or the metadata by which a blob is known for ours.
Result<Response> Transfer::outcome(CURLcode code) {
  if (code == CURLE_OK && !head_complete_) {
    code = CURLE_PARTIAL_FILE;
    std::snprintf(detail_, sizeof detail_, "its head is cut");
  }
  if (code != CURLE_OK) {
    Error error = curl_error(told_by_phase(code), host_of(request_.url), detail_);
    error.message += proxy_advice(request_.url);
    return error;
  }
  long status = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  const char* address = nullptr;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_PRIMARY_IP, &address);
  response_.address = address != nullptr ? address : "";
  return std::move(response_);
}

Error Transfer::stalled(Duration timeout) const {
  const auto seconds = std::chrono::duration<double>(timeout).count();
  return make_error(
      ErrorKind::timed_out, Action::retry,
      concat("request to ", host_of(request_.url), ": not a byte has moved for ", seconds,
             " s: the server hangs, or something in between does; given up, its outcome unknown",
             proxy_advice(request_.url)),
      "stalled");
}

std::uint32_t Transfer::ticks_without_progress() {
  // Bytes that libcurl has taken may still stand in its own buffer. So what leaves that buffer counts as
  // well.
  curl_off_t sent = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  const std::uint64_t progress = bytes_moved_ + static_cast<std::uint64_t>(sent);
  still_ticks_ = progress == progress_seen_ ? still_ticks_ + 1 : 0;
  progress_seen_ = progress;
  return still_ticks_;
}

}  // namespace penstock::http
