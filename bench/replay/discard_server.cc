// A blob service that keeps nothing: takes Put Block, Put Block List, Put Blob, properties and listings on
// the loopback, answers as the service does, and has the kernel drop the bodies without copying them. No
// signature is verified. It ends on SIGTERM, or after --limit seconds, and then prints what it was asked for.
//
//   discard_server --port N [--limit S] [--stamps true] [--identity PEM]
//
//   {"cipher":..,"put_block":..,"put_block_list":..,"put_blob":..,"head":..,"list":..,"other":..,"body_bytes":..,
//    "stamped":..,"p50_ms":..,"p99_ms":..,"max_ms":..}
//
// With --identity, a key and its certificate in one file, it speaks HTTPS. Its bodies are then opened.
//
// With --stamps it reads the bodies after all, for the times that the records tell (stream.h), and says how
// long they took from there to the publication of their file.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replay/measure.h"
#include "replay/peer.h"
#include "replay/stream.h"

namespace penstock::bench {
namespace {

enum Call : std::uint8_t { put_block, put_block_list, put_blob, head, list, other, call_count };
constexpr std::array k_names{"put_block", "put_block_list", "put_blob", "head", "list", "other"};

std::array<std::atomic<std::uint64_t>, call_count> calls;
std::atomic<std::uint64_t> body_bytes;
bool read_stamps = false;
std::mutex stamps_mutex;
std::map<std::string, std::vector<std::int64_t>> unpublished;  // times of records, by their blob's path
std::vector<std::int64_t> latencies_ms;
volatile std::sig_atomic_t stopped = 0;
ServerContext tls;  // null: without
std::mutex cipher_mutex;
std::string last_cipher = "none";

void note_cipher(const std::string& cipher) {
  const std::lock_guard lock(cipher_mutex);
  last_cipher = cipher;
}

struct Request {
  Call call = other;
  std::string path;  // without the query
  std::size_t body = 0;
  bool expects_continue = false;
};

// The value of a header field, whatever its case; empty without one.
std::string field(const std::string& text, const std::string& name) {
  for (std::size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at + 2)) {
    const std::size_t begin = at + 2;
    if (text.size() > begin + name.size() && ::strncasecmp(&text[begin], name.c_str(), name.size()) == 0 &&
        text[begin + name.size()] == ':') {
      const std::size_t value = text.find_first_not_of(' ', begin + name.size() + 1);
      return text.substr(value, text.find("\r\n", value) - value);
    }
  }
  return {};
}

Request parse(const std::string& text) {
  const std::string line = text.substr(0, text.find("\r\n"));
  const auto has = [&line](const char* word) { return line.find(word) != std::string::npos; };
  Request request;
  const std::size_t path = line.find(' ') + 1;
  request.path = line.substr(path, line.find_first_of(" ?", path) - path);
  if (line.rfind("PUT ", 0) == 0) {
    request.call = has("comp=blocklist")      ? put_block_list
                   : has("comp=block")        ? put_block
                   : has("restype=container") ? other
                                              : put_blob;
  } else if (line.rfind("HEAD ", 0) == 0) {
    request.call = head;
  } else if (has("comp=list")) {
    request.call = list;
  }
  request.body = std::strtoull(field(text, "content-length").c_str(), nullptr, 10);
  request.expects_continue = !field(text, "expect").empty();
  return request;
}

std::string answer(const Request& request) {
  static std::atomic<std::uint64_t> next{1};
  std::array<char, 400> headers{};
  std::snprintf(headers.data(), headers.size(),
                "Server: discard\r\nx-ms-version: 2021-12-02\r\n"
                "x-ms-request-id: 00000000-0000-0000-0000-%012llx\r\nx-ms-request-server-encrypted: true\r\n"
                "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"0x8D%llX\"\r\n"
                "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
                static_cast<unsigned long long>(next.load()), static_cast<unsigned long long>(next++));
  if (request.call == head) {  // nothing is kept, so nothing is there
    return std::string(
               "HTTP/1.1 404 The specified blob does not exist.\r\nx-ms-error-code: BlobNotFound\r\n") +
           headers.data() + "\r\n";
  }
  if (request.call == list) {
    const std::string body =
        "<?xml version=\"1.0\" "
        "encoding=\"utf-8\"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
    return std::string("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: ") +
           std::to_string(body.size()) + "\r\n" + headers.data() + "\r\n" + body;
  }
  return std::string("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n") + headers.data() + "\r\n";
}

bool read_body(Peer& peer, std::string& body, std::size_t bytes) {
  std::size_t used = body.size();
  body.resize(bytes);
  while (used < bytes) {
    const ssize_t got = peer.receive(body.data() + used, bytes - used);
    if (got <= 0) {
      return false;
    }
    used += static_cast<std::size_t>(got);
  }
  return true;
}

void note_stamps(const std::string& path, const std::string& body) {
  const std::lock_guard lock(stamps_mutex);
  std::vector<std::int64_t>& stamps = unpublished[path];
  for (std::size_t at = body.find(k_stamp); at != std::string::npos; at = body.find(k_stamp, at + 1)) {
    if (at + k_stamp.size() + k_stamp_digits <= body.size()) {  // else the block ends within it
      stamps.push_back(std::strtoll(&body[at + k_stamp.size()], nullptr, 10));
    }
  }
}

void publish(const std::string& path) {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  const std::lock_guard lock(stamps_mutex);
  for (const std::int64_t stamp : unpublished[path]) {
    latencies_ms.push_back(now - stamp);
  }
  unpublished.erase(path);
}

// What is left of the body on the socket, behind what came with the headers.
bool take_body(Peer& peer, const Request& request, std::string body) {
  if (!read_stamps || request.call == put_block_list) {
    return peer.drop(request.body - body.size());
  }
  if (!read_body(peer, body, request.body)) {
    return false;
  }
  note_stamps(request.path, body);
  return true;
}

void count(const Request& request) {
  ++calls[request.call];
  body_bytes += request.body;
  if (read_stamps && (request.call == put_block_list || request.call == put_blob)) {
    publish(request.path);
  }
}

void serve(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Peer peer(fd, tls.get());
  if (!peer.accept()) {
    return;
  }
  note_cipher(peer.cipher());
  std::string text;
  std::array<char, 16384> buffer;
  for (;;) {
    std::size_t end = text.find("\r\n\r\n");
    while (end == std::string::npos) {
      const ssize_t got = peer.receive(buffer.data(), buffer.size());
      if (got <= 0 || text.size() > 65536) {
        return;
      }
      text.append(buffer.data(), static_cast<std::size_t>(got));
      end = text.find("\r\n\r\n");
    }
    const Request request = parse(text.substr(0, end + 2));
    text.erase(0, end + 4);
    if (request.expects_continue && !peer.send_all("HTTP/1.1 100 Continue\r\n\r\n")) {
      return;
    }
    const std::size_t here = std::min(text.size(), request.body);
    std::string body = text.substr(0, here);
    text.erase(0, here);
    if (!take_body(peer, request, std::move(body))) {
      return;
    }
    count(request);
    if (!peer.send_all(answer(request))) {
      return;
    }
  }
}

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 64) != 0) {
    die("cannot listen on port " + std::to_string(port));
  }
  return fd;
}

void report() {
  const std::lock_guard cipher_lock(cipher_mutex);
  std::string text = "{\"cipher\":\"" + last_cipher + "\",";
  for (std::size_t i = 0; i < k_names.size(); ++i) {
    text += std::string("\"") + k_names[i] + "\":" + std::to_string(calls[i].load()) + ",";
  }
  const std::lock_guard lock(stamps_mutex);
  std::sort(latencies_ms.begin(), latencies_ms.end());
  const auto quantile = [](double share) {
    const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies_ms.size()));
    return latencies_ms.empty() ? std::int64_t{-1} : latencies_ms[std::min(at, latencies_ms.size() - 1)];
  };
  text += "\"body_bytes\":" + std::to_string(body_bytes.load()) +
          ",\"stamped\":" + std::to_string(latencies_ms.size()) +
          ",\"p50_ms\":" + std::to_string(quantile(0.5)) + ",\"p99_ms\":" + std::to_string(quantile(0.99)) +
          ",\"max_ms\":" + std::to_string(quantile(1));
  std::printf("%s}\n", text.c_str());
  std::fflush(stdout);
}

int run(const Arguments& arguments) {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  read_stamps = arguments.text("stamps", "false") == "true";
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (const std::string identity = arguments.text("identity", ""); !identity.empty()) {
    tls = make_server_context(identity);
    if (tls == nullptr) {
      die(identity + " holds no key and certificate");
    }
  }
  const int listener = listen_on(static_cast<int>(arguments.number("port", 0)));
  const double deadline_s = usage_now().wall_s + static_cast<double>(arguments.number("limit", 600));
  while (stopped == 0 && usage_now().wall_s < deadline_s) {
    pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 200) == 1) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        std::thread(serve, fd).detach();
      }
    }
  }
  report();
  ::_exit(0);  // connections may still be open, and hold nothing
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::Arguments(argc, argv));
}
