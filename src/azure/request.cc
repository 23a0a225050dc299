#include "azure/request.h"

#include "base/percent_encode.h"

namespace penstock::azure {

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::get:
      return "GET";
    case Verb::head:
      return "HEAD";
    case Verb::put:
      return "PUT";
  }
  return "?";
}

std::string url_of(const BlobRequest& request) {
  std::string url = request.origin + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += separator;
    url += percent_encode(name);
    url += '=';
    url += percent_encode(value);
    separator = '&';
  }
  if (!request.sas.empty()) {
    url += separator;
    url += request.sas;
  }
  return url;
}

std::string percent_encode_path(std::string_view path) {
  return percent_encode(path, "/");
}

}  // namespace penstock::azure
