// One request on one libcurl easy handle: how the request is told to libcurl, and what its callbacks collect.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <curl/curl.h>

#include <penstock/result.h>

#include "http/body_reader.h"
#include "http/client.h"
#include "http/message.h"

namespace penstock::http {

struct EasyDeleter {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
// Reused from request to request.
using EasyHandle = std::unique_ptr<CURL, EasyDeleter>;

// Stays where it is from prepare() on: libcurl holds its address.
class Transfer {
 public:
  Transfer(Request request, Done done);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // Takes the handle and tells it the request. `sessions` are the TLS sessions that handles share. Error:
  // libcurl refuses an option.
  Result<void> prepare(EasyHandle easy, const ClientOptions& options, CURLSH* sessions);

  CURL* easy() const { return easy_.get(); }
  EasyHandle release_easy() { return std::move(easy_); }
  Done take_done() { return std::move(done_); }

  // The outcome, once libcurl has said that the transfer is over.
  Result<Response> outcome(CURLcode code);
  // The outcome of one that stood still for `timeout`.
  Error stalled(Duration timeout) const;

  // How many calls of this function in a row have found that no byte had moved since the call before.
  std::uint32_t ticks_without_progress();

 private:
  static std::size_t on_read(char* to, std::size_t size, std::size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  static std::size_t on_header(char* from, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* from, std::size_t size, std::size_t count, void* self);

  void take_header(std::string_view line);
  CURLcode told_by_phase(CURLcode code) const;

  struct ListDeleter {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
  };

  Request request_;
  Done done_;
  // Before easy_, which refers to it.
  std::unique_ptr<curl_slist, ListDeleter> header_list_;
  EasyHandle easy_;
  BodyReader body_;
  Response response_;
  bool head_complete_ = false;  // of response_: its empty line has come
  std::size_t header_bytes_ = 0;
  // Taken from the body, and received.
  std::uint64_t bytes_moved_ = 0;
  std::uint64_t progress_seen_ = 0;
  std::uint32_t still_ticks_ = 0;
  char detail_[CURL_ERROR_SIZE] = {};
};

}  // namespace penstock::http
